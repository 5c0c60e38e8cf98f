#include "learning/layers/group_norm.h"

#include <memory>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/layers/layer_check.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<Layer> GroupNorm(int groups, const Shape& input,
                                 double epsilon = 1e-5) {
  auto layer = MakeGroupNorm({.groups = groups, .epsilon = epsilon}, input);
  EXPECT_TRUE(layer.ok()) << layer.status();
  return *std::move(layer);
}

TEST(GroupNormTest, NormalisesGroupsOfChannelsOverAllPositions) {
  // Two positions of four channels. Group one: 1 1 3 3, mean 2, variance 1;
  // group two: 0 20 0 20, mean 10, variance 100.
  const auto layer = GroupNorm(2, Shape({2, 4}), 1e-12);
  const LayerResult result =
      RunLayer(*layer, {.x = {1, 1, 0, 20,  //
                              3, 3, 0, 20},
                        .parameters = {1, 2, 3, 4, 0, 0, 0, 5}});
  EXPECT_THAT(result.y, ElementsAre(-1, -2, -3, 9, 1, 2, -3, 9));
}

TEST(GroupNormTest, ExamplesDoNotMeet) {
  const auto layer = GroupNorm(1, Shape({2}), 1e-12);
  const LayerResult result = RunLayer(
      *layer, {.rows = 2, .x = {1, 3, 300, 100}, .parameters = {1, 1, 0, 0}});
  EXPECT_THAT(result.y, ElementsAre(-1, 1, 1, -1));
}

TEST(GroupNormTest, AgreesWithFiniteDifferences) {
  CheckLayer(*GroupNorm(2, Shape({8})), {.rows = 1});
  CheckLayer(*GroupNorm(1, Shape({5, 3})), {.rows = 4});
  CheckLayer(*GroupNorm(3, Shape({4, 9})), {.rows = 2});
  CheckLayer(*GroupNorm(4, Shape({3, 2, 36})), {.rows = 3});
  CheckLayer(*GroupNorm(6, Shape({3, 3, 6})), {.rows = 2});
}

TEST(GroupNormTest, RefusesGroupsThatDoNotDivideTheChannels) {
  for (int groups : {-1, 0, 3, 8}) {
    EXPECT_THAT(MakeGroupNorm({.groups = groups}, Shape({2, 4})),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected a divisor of the 4 channels")));
  }
}

}  // namespace
}  // namespace shoal::learning
