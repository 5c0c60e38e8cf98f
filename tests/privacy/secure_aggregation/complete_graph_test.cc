#include "privacy/secure_aggregation/complete_graph.h"

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::secure_aggregation {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

constexpr auto kInvalidArgument = absl::StatusCode::kInvalidArgument;

TEST(CompleteGraphTest, HonestThresholdIsOneMoreThanMayCollude) {
  EXPECT_THAT(CompleteGraph({.num_devices = 10,
                             .adversary_fraction = 0.3,
                             .dropout_fraction = 0.6}),
              IsOkAndHolds(GraphParameters{.num_neighbors = 9,
                                           .threshold = 4,
                                           .complete_graph = true,
                                           .min_survivors = 4}));
}

TEST(CompleteGraphTest, DistrustedThresholdIsMoreThanHalfOfAllWhoMayAnswer) {
  EXPECT_THAT(CompleteGraph({.num_devices = 10,
                             .adversary_fraction = 0.3,
                             .dropout_fraction = 0.3,
                             .coordinator = CoordinatorTrust::kMalicious}),
              IsOkAndHolds(GraphParameters{.num_neighbors = 9,
                                           .threshold = 7,
                                           .complete_graph = true,
                                           .min_survivors = 7}));
}

TEST(CheckGroupSizesTest, EverySizeIsLookedAt) {
  for (const CoordinatorTrust trust :
       {CoordinatorTrust::kHonest, CoordinatorTrust::kSemiMalicious,
        CoordinatorTrust::kMalicious}) {
    for (const double adversaries : {0.0, 0.1, 0.29, 0.5, 0.7}) {
      for (const double dropouts : {0.0, 0.1, 0.3, 0.45, 0.5}) {
        GroupAssumptions assumptions = {.adversary_fraction = adversaries,
                                        .dropout_fraction = dropouts,
                                        .coordinator = trust};
        // From every size on, until one cannot be.
        absl::Status first;
        for (int max = 60; max >= 3; --max) {
          assumptions.num_devices = max;
          const absl::Status status = FindGraphParameters(assumptions).status();
          if (!status.ok()) first = status;
          EXPECT_EQ(CheckGroupSizes(assumptions, max, 60), first)
              << adversaries << " " << dropouts << " from " << max;
        }
      }
    }
  }
}

// Fractions are rounded down: half of 3 devices leave 2, half of 4 leave 2 too.
TEST(CheckGroupSizesTest, ASizeMayBeBearableWhereALargerOneIsNot) {
  const GroupAssumptions halves = {.adversary_fraction = 0.5,
                                   .dropout_fraction = 0.5};
  EXPECT_THAT(CheckGroupSizes(halves, 3, 3), IsOk());
  EXPECT_THAT(CheckGroupSizes(halves, 5, 5), IsOk());
  EXPECT_THAT(CheckGroupSizes(halves, 3, 5),
              StatusIs(kInvalidArgument, HasSubstr("no group of 4 devices")));

  const GroupAssumptions malicious = {
      .adversary_fraction = 0.1,
      .dropout_fraction = 0.45,
      .coordinator = CoordinatorTrust::kMalicious};
  EXPECT_THAT(CheckGroupSizes(malicious, 3, 3), IsOk());
  EXPECT_THAT(CheckGroupSizes(malicious, 3, 100), StatusIs(kInvalidArgument));
}

TEST(CheckGroupSizesTest, AMillionSizesTakeNoTime) {
  EXPECT_THAT(
      CheckGroupSizes({.adversary_fraction = 0.3, .dropout_fraction = 0.3}, 3,
                      kMaxGroupSize),
      IsOk());
}

TEST(CheckGroupSizesTest, ImpossibleFractionsAreRefused) {
  EXPECT_THAT(CheckGroupSizes({.adversary_fraction = 1}, 3, 10),
              StatusIs(kInvalidArgument, HasSubstr("fraction")));
}

}  // namespace
}  // namespace shoal::secure_aggregation
