#include "aggregation/scaffold.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::aggregation {
namespace {

using ::testing::ElementsAre;

// Two of eight devices: c moves by a quarter of the mean change.
TEST(ScaffoldTest, ModelMovesByTheRateAndControlByTheShareOfDevices) {
  Scaffold scaffold(/*num_devices=*/8, /*learning_rate=*/0.5);
  std::vector<float> parameters = {1, 2};
  std::vector<float> control = {0.5, -1};
  SHOAL_ASSERT_OK(scaffold.Step({std::vector<double>{2, -4, 1, 8}, 2},
                                absl::MakeSpan(parameters),
                                absl::MakeSpan(control)));
  EXPECT_THAT(parameters, ElementsAre(2, 0));
  EXPECT_THAT(control, ElementsAre(0.75, 1));
}

}  // namespace
}  // namespace shoal::aggregation
