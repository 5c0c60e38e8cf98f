// The part of fedprox_all_test.cc that takes seconds.
#include "gtest/gtest.h"
#include "tests/integration/fedprox_curves.h"
#include "tests/support/external_data.h"

namespace shoal::testing {
namespace {

TEST(FedProxTest, StragglersOnTheMostUnlikeDevicesFollowTheReference) {
  SHOAL_SKIP_WITHOUT(ReferenceDir() + "/federated/reference_curves.csv");
  const CurveDistances distances = CompareFedProx(
      {"synthetic_1_1", "alpha: 1, beta: 1, seed: 4"}, "0.9", 50);
  EXPECT_EQ(distances.points.size(), 18u);
  EXPECT_EQ(distances.CountBeyond(3), 0) << distances.Worst();
}

}  // namespace
}  // namespace shoal::testing
