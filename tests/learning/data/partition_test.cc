#include "learning/data/partition.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/data/shares_checks.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Mean over devices of the total-variation distance between a device's labels
// and uniform ones: 0 is IID, 0.9 is one class of ten on every device.
double LabelSkew(const Shares& shares, const std::vector<int32_t>& labels,
                 int num_classes) {
  double sum = 0;
  for (const auto& share : shares) {
    std::vector<double> counts(num_classes);
    for (int64_t i : share) counts[labels[i]] += 1.0 / share.size();
    double distance = 0;
    for (double count : counts) distance += std::abs(count - 1.0 / num_classes);
    sum += distance / 2;
  }
  return sum / shares.size();
}

TEST(DivideEvenly, SizesDifferByAtMostOne) {
  for (const auto& [examples, devices] :
       {std::pair(103, 10), {10, 10}, {7, 1}, {1000, 999}}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const Shares shares,
                               DivideEvenly(examples, devices, 1));
    ASSERT_EQ(shares.size(), devices);
    ExpectPartition(shares, examples);
    for (const auto& share : shares) {
      EXPECT_GE(share.size(), examples / devices);
      EXPECT_LE(share.size(), examples / devices + 1);
    }
  }
}

TEST(DivideEvenly, SeedDecides) {
  EXPECT_EQ(DivideEvenly(100, 5, 1).value(), DivideEvenly(100, 5, 1).value());
  EXPECT_NE(DivideEvenly(100, 5, 1).value(), DivideEvenly(100, 5, 2).value());
}

// Values from another implementation of SplitMix64, xoshiro256++ and
// Fisher-Yates.
TEST(DivideEvenly, SharesAreTheSameOnEveryMachine) {
  EXPECT_THAT(
      DivideEvenly(10, 3, 1),
      IsOkAndHolds(ElementsAre(ElementsAre(0, 3, 5), ElementsAre(1, 2, 7),
                               ElementsAre(4, 6, 8, 9))));
}

TEST(DivideEvenly, FewerExamplesThanDevicesAreRefused) {
  EXPECT_THAT(DivideEvenly(4, 5, 1),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("4 training examples cannot be divided among "
                                 "5 devices")));
  EXPECT_THAT(DivideEvenly(4, 0, 1),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST(DivideByDirichlet, EveryExampleFallsOnOneDevice) {
  const auto labels = BalancedLabels(5000, 10);
  for (double alpha : {1e-6, 0.05, 0.3, 1.0, 100.0, 1e9}) {
    for (int devices : {1, 2, 20, 500, 5000}) {
      SHOAL_ASSERT_OK_AND_ASSIGN(
          const Shares shares,
          DivideByDirichlet(labels, 10, alpha, devices, 3));
      ASSERT_EQ(shares.size(), devices);
      ExpectPartition(shares, labels.size());
    }
  }
}

TEST(DivideByDirichlet, SkewGrowsAsAlphaFalls) {
  const auto labels = BalancedLabels(20000, 10);
  double last = -1;
  for (double alpha : {1000.0, 10.0, 1.0, 0.3, 0.03}) {
    const double skew = LabelSkew(
        DivideByDirichlet(labels, 10, alpha, 20, 3).value(), labels, 10);
    EXPECT_GT(skew, last) << alpha;
    last = skew;
  }
  EXPECT_GT(last, 0.7);
}

TEST(DivideByDirichlet, LargeAlphaIsNearlyEven) {
  const auto labels = BalancedLabels(20000, 10);
  SHOAL_ASSERT_OK_AND_ASSIGN(const Shares shares,
                             DivideByDirichlet(labels, 10, 1e6, 20, 3));
  EXPECT_LT(LabelSkew(shares, labels, 10), 0.01);
  for (const auto& share : shares) EXPECT_NEAR(share.size(), 1000, 120);
}

// One class per device: with alpha near 0 a class falls onto one device as a
// whole, and the balance rule keeps the next from the same one.
TEST(DivideByDirichlet, TinyAlphaGivesEveryDeviceOneClass) {
  const auto labels = BalancedLabels(200, 4);
  SHOAL_ASSERT_OK_AND_ASSIGN(const Shares shares,
                             DivideByDirichlet(labels, 4, 1e-9, 4, 5));
  for (const auto& share : shares) {
    ASSERT_EQ(share.size(), 50);
    for (int64_t i : share) EXPECT_EQ(labels[i], labels[share[0]]);
  }
}

TEST(DivideByDirichlet, NoDeviceIsBelowTheMinimum) {
  const auto labels = BalancedLabels(6000, 10);
  // 60 each on average: the minimum is 10. 6 each: 3.
  for (const auto& [devices, minimum] : {std::pair(100, 10), {1000, 3}}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const Shares shares,
                               DivideByDirichlet(labels, 10, 0.05, devices, 9));
    for (const auto& share : shares) EXPECT_GE(share.size(), minimum);
    ExpectPartition(shares, labels.size());
  }
}

TEST(DivideByDirichlet, AClassWithoutExamplesIsPassedOver) {
  const std::vector<int32_t> labels(100, 2);
  SHOAL_ASSERT_OK_AND_ASSIGN(const Shares shares,
                             DivideByDirichlet(labels, 4, 1.0, 4, 1));
  ExpectPartition(shares, 100);
}

TEST(DivideByDirichlet, SeedDecides) {
  const auto labels = BalancedLabels(500, 10);
  const auto divide = [&](uint64_t seed) {
    return DivideByDirichlet(labels, 10, 0.3, 5, seed).value();
  };
  EXPECT_EQ(divide(1), divide(1));
  EXPECT_NE(divide(1), divide(2));
}

TEST(DivideByDirichlet, BadArgumentsAreRefused) {
  const auto labels = BalancedLabels(20, 2);
  for (double alpha : {0.0, -1.0, std::numeric_limits<double>::quiet_NaN(),
                       std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(DivideByDirichlet(labels, 2, alpha, 2, 1),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected > 0")));
  }
  EXPECT_THAT(DivideByDirichlet(labels, 2, 1, 21, 1),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("20 training examples")));
}

TEST(DivideByOwner, NaturalDevicesStayWhole) {
  EXPECT_THAT(
      DivideByOwner({0, 1, 2, 3, 4, 0}, 5, 2),
      IsOkAndHolds(ElementsAre(ElementsAre(0, 2, 4, 5), ElementsAre(1, 3))));
}

TEST(DivideByOwner, AsManyDevicesAsOwnersIsOneEach) {
  EXPECT_THAT(DivideByOwner({2, 0, 1, 0}, 3, 3),
              IsOkAndHolds(ElementsAre(ElementsAre(1, 3), ElementsAre(2),
                                       ElementsAre(0))));
}

TEST(DivideByOwner, FewerOwnersThanDevicesAreRefusedWithBothNumbers) {
  EXPECT_THAT(DivideByOwner({0, 1, 0, 1}, 2, 3),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("2 natural devices, fewer than the 3")));
}

}  // namespace
}  // namespace shoal::learning
