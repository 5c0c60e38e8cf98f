#include "learning/data/shares.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/data/shares_checks.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

TEST(LeastShare, IsTenOrHalfOfTheEvenPart) {
  EXPECT_EQ(LeastShare(6000, 100), 10);
  EXPECT_EQ(LeastShare(600, 100), 3);
  EXPECT_EQ(LeastShare(100, 100), 1);
}

TEST(FillUp, TakesFromTheLargest) {
  Shares shares = {{}, {0, 1, 2, 3, 4, 5}, {6, 7}, {8}};
  SeededRng rng(1);
  FillUp(2, rng, shares);
  SortShares(shares);
  ExpectPartition(shares, 9);
  EXPECT_EQ(shares[0].size(), 2);
  EXPECT_EQ(shares[1].size(), 3);
  EXPECT_EQ(shares[2], (std::vector<int64_t>{6, 7}));
  EXPECT_EQ(shares[3].size(), 2);
}

TEST(CheckEnough, WantsDevicesAndAnExampleForEach) {
  SHOAL_EXPECT_OK(CheckEnough(3, 3));
  EXPECT_THAT(CheckEnough(2, 3), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("each needs one")));
  EXPECT_THAT(CheckEnough(2, 0), StatusIs(absl::StatusCode::kInvalidArgument,
                                          HasSubstr("expected at least 1")));
}

}  // namespace
}  // namespace shoal::learning
