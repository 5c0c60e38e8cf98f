#include "learning/data/fleet_partition.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <set>
#include <string>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/data/shares_checks.h"
#include "tests/support/chi_square.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::ChiSquare;
using ::shoal::testing::ChiSquareBound;
using ::shoal::testing::LooksUniform;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// 600 examples of 10 classes, none of class 7, on `devices`.
struct Family {
  std::string name;
  std::function<absl::StatusOr<Shares>(const std::vector<int32_t>& labels,
                                       int devices, uint64_t seed)>
      divide;
};

class EveryPartition : public ::testing::TestWithParam<Family> {};

TEST_P(EveryPartition, GivesEveryExampleToOneDevice) {
  std::vector<int32_t> labels = BalancedLabels(600, 10);
  for (int32_t& label : labels) label = label == 7 ? 3 : label;
  for (const int devices : {1, 5, 20, 100, 300}) {
    for (uint64_t seed = 0; seed < 5; ++seed) {
      const auto shares = GetParam().divide(labels, devices, seed);
      if (!shares.ok()) {  // too few devices to have all classes
        EXPECT_LE(devices, 5) << shares.status();
        continue;
      }
      ASSERT_EQ(shares->size(), devices);
      ExpectPartition(*shares, 600);
    }
  }
}

TEST_P(EveryPartition, IsDecidedByTheSeed) {
  const std::vector<int32_t> labels = BalancedLabels(600, 10);
  const auto divide = [&](uint64_t seed) {
    return GetParam().divide(labels, 20, seed).value();
  };
  EXPECT_EQ(divide(1), divide(1));
  EXPECT_NE(divide(1), divide(2));
}

TEST_P(EveryPartition, NeedsAnExampleForEachDevice) {
  const std::vector<int32_t> labels = BalancedLabels(10, 5);
  EXPECT_THAT(GetParam().divide(labels, 11, 1),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("10 training examples cannot be divided "
                                 "among 11 devices")));
}

INSTANTIATE_TEST_SUITE_P(
    All, EveryPartition,
    ::testing::Values(
        Family{"Shards",
               [](const auto& labels, int devices, uint64_t seed) {
                 return DivideByShards(labels, 2, devices, seed);
               }},
        Family{"Classes",
               [](const auto& labels, int devices, uint64_t seed) {
                 return DivideByClasses(labels, 10, 2, devices, seed);
               }},
        Family{"DirichletSizes",
               [](const auto& labels, int devices, uint64_t seed) {
                 return DivideByDirichletSizes(labels.size(), 0.1, devices,
                                               seed);
               }},
        Family{"LognormalSizes",
               [](const auto& labels, int devices, uint64_t seed) {
                 return DivideByLognormalSizes(labels.size(), 2, devices, seed);
               }},
        Family{"PowerLawSizes",
               [](const auto& labels, int devices, uint64_t seed) {
                 return DivideByPowerLawSizes(labels.size(), 1.1, devices,
                                              seed);
               }}),
    [](const auto& info) { return info.param.name; });

// McMahan et al.: 60 000 digits, 200 shards of 300, two for each of 100.
TEST(DivideByShards, DevicesHaveTheirShardsOfSortedExamples) {
  const auto labels = BalancedLabels(6000, 10);
  SHOAL_ASSERT_OK_AND_ASSIGN(const Shares shares,
                             DivideByShards(labels, 2, 100, 1));
  for (const auto& share : shares) {
    EXPECT_EQ(share.size(), 60);
    std::set<int32_t> held;
    for (const int64_t i : share) held.insert(labels[i]);
    EXPECT_LE(held.size(), 2);
  }
}

TEST(DivideByShards, AnUnevenShardLeavesNothingOut) {
  // Sorted by label: 0 2 4 | 1 3 5 6; shards of 1 or 2.
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const Shares shares,
      DivideByShards(std::vector<int32_t>{0, 1, 0, 1, 0, 1, 1}, 2, 2, 1));
  ExpectPartition(shares, 7);
  for (const auto& share : shares) {
    EXPECT_GE(share.size(), 3);
    EXPECT_LE(share.size(), 4);
  }
}

// The device of the first shard is uniform among 10; 4000 partitions.
// False-failure rate below 1e-6.
TEST(DivideByShards, ShardsFallAtRandom) {
  const auto labels = BalancedLabels(40, 2);
  std::vector<double> counts(10);
  for (uint64_t seed = 0; seed < 4000; ++seed) {
    const Shares shares = DivideByShards(labels, 2, 10, seed).value();
    for (size_t k = 0; k < 10; ++k) counts[k] += shares[k][0] == 0;
  }
  EXPECT_LT(ChiSquare(counts, std::vector<double>(10, 400)), ChiSquareBound(9));
}

TEST(DivideByShards, TooManyShardsAreRefused) {
  EXPECT_THAT(DivideByShards(BalancedLabels(10, 2), 3, 4, 1),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("10 training examples cannot be cut into 3 "
                                 "shards for each of 4 devices")));
}

std::set<int32_t> ClassesOf(const std::vector<int64_t>& share,
                            const std::vector<int32_t>& labels) {
  std::set<int32_t> held;
  for (const int64_t i : share) held.insert(labels[i]);
  return held;
}

TEST(DivideByClasses, EveryDeviceHasItsFirstClassAndOthers) {
  const auto labels = BalancedLabels(10000, 10);
  for (const int per_device : {1, 2, 3, 10}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const Shares shares,
                               DivideByClasses(labels, 10, per_device, 30, 3));
    for (int k = 0; k < 30; ++k) {
      const auto held = ClassesOf(shares[k], labels);
      EXPECT_EQ(held.size(), per_device);
      EXPECT_TRUE(held.contains(k % 10));
    }
  }
}

TEST(DivideByClasses, AClassIsCutEvenly) {
  const auto labels = BalancedLabels(1000, 10);
  SHOAL_ASSERT_OK_AND_ASSIGN(const Shares shares,
                             DivideByClasses(labels, 10, 1, 30, 3));
  for (const auto& share : shares) {
    EXPECT_GE(share.size(), 33);
    EXPECT_LE(share.size(), 34);
  }
}

// With 5 devices of 2 classes each all 10 classes have somebody, every time.
TEST(DivideByClasses, FewDevicesTakeAllClasses) {
  const auto labels = BalancedLabels(100, 10);
  for (uint64_t seed = 0; seed < 50; ++seed) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const Shares shares,
                               DivideByClasses(labels, 10, 2, 5, seed));
    ExpectPartition(shares, 100);
    for (const auto& share : shares) EXPECT_EQ(share.size(), 20);
  }
}

// Device 0's second class is uniform among the other nine; 3600 partitions.
// False-failure rate below 1e-6.
TEST(DivideByClasses, FurtherClassesFallAtRandom) {
  const auto labels = BalancedLabels(400, 10);
  std::vector<double> counts(10);
  for (uint64_t seed = 0; seed < 3600; ++seed) {
    const Shares shares = DivideByClasses(labels, 10, 2, 10, seed).value();
    for (const int32_t c : ClassesOf(shares[0], labels)) ++counts[c];
  }
  EXPECT_EQ(counts[0], 3600);
  EXPECT_LT(ChiSquare({counts.begin() + 1, counts.end()},
                      std::vector<double>(9, 400)),
            ChiSquareBound(8));
}

TEST(DivideByClasses, BadNumbersAreRefused) {
  const auto labels = BalancedLabels(100, 4);
  for (const int per_device : {0, 5}) {
    EXPECT_THAT(DivideByClasses(labels, 10, per_device, 5, 1),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected 1 to 4")));
  }
  EXPECT_THAT(DivideByClasses(labels, 4, 1, 3, 1),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("3 devices of 1 classes each leave some of 4 "
                                 "classes to nobody")));
}

// Of two devices: the share of the first in many partitions, put through its
// distribution function, is uniform. (A share of 4000 is exact to 2.5e-4, far
// below the width of a bin.)
std::vector<double> FirstShares(
    const std::function<absl::StatusOr<Shares>(uint64_t)>& divide) {
  std::vector<double> shares;
  for (uint64_t seed = 0; seed < 1000; ++seed) {
    shares.push_back(static_cast<double>(divide(seed).value()[0].size()) /
                     4000);
  }
  return shares;
}

// Dirichlet(1, 1): the share itself is uniform. False-failure rate below 1e-6.
TEST(DivideByDirichletSizes, SharesFollowTheDistribution) {
  EXPECT_TRUE(LooksUniform(FirstShares(
      [](uint64_t seed) { return DivideByDirichletSizes(4000, 1, 2, seed); })));
}

// log(w_1 / w_2) is normal with deviation sigma sqrt(2).
TEST(DivideByLognormalSizes, SharesFollowTheDistribution) {
  auto shares = FirstShares(
      [](uint64_t seed) { return DivideByLognormalSizes(4000, 0.5, 2, seed); });
  for (double& share : shares) {
    share = std::erfc(-std::log(share / (1 - share)) / (0.5 * 2)) / 2;
  }
  EXPECT_TRUE(LooksUniform(shares));
}

// log(w) is exponential with rate a - 1, so that log(w_1 / w_2) follows
// Laplace's distribution.
TEST(DivideByPowerLawSizes, SharesFollowTheDistribution) {
  auto shares = FirstShares(
      [](uint64_t seed) { return DivideByPowerLawSizes(4000, 3, 2, seed); });
  for (double& share : shares) {
    const double x = 2 * std::log(share / (1 - share));
    share = x < 0 ? std::exp(x) / 2 : 1 - std::exp(-x) / 2;
  }
  EXPECT_TRUE(LooksUniform(shares));
}

// Labels against devices, given how many each has. False-failure rate below
// 1e-6.
TEST(DivideBySizes, LabelsFallAtRandom) {
  const auto labels = BalancedLabels(20000, 10);
  for (const Shares& shares :
       {DivideByDirichletSizes(20000, 1, 10, 3).value(),
        DivideByLognormalSizes(20000, 1, 10, 3).value(),
        DivideByPowerLawSizes(20000, 2.5, 10, 3).value()}) {
    std::vector<double> counts, expected;
    for (const auto& share : shares) {
      std::vector<double> of_device(10);
      for (const int64_t i : share) ++of_device[labels[i]];
      counts.insert(counts.end(), of_device.begin(), of_device.end());
      expected.resize(counts.size(), static_cast<double>(share.size()) / 10);
    }
    EXPECT_LT(ChiSquare(counts, expected), ChiSquareBound(81));
  }
}

TEST(DivideBySizes, NoDeviceIsBelowTheMinimum) {
  for (const Shares& shares :
       {DivideByDirichletSizes(6000, 1e-6, 100, 3).value(),
        DivideByLognormalSizes(6000, 10, 100, 3).value(),
        DivideByPowerLawSizes(6000, 1.01, 100, 3).value()}) {
    ExpectPartition(shares, 6000);
    for (const auto& share : shares) EXPECT_GE(share.size(), 10);
  }
}

TEST(DivideBySizes, BadNumbersAreRefused) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double bad : {0.0, -1.0, nan, 1e300}) {
    EXPECT_THAT(DivideByDirichletSizes(100, bad, 2, 1),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("the alpha of the Dirichlet amounts is")));
    EXPECT_THAT(DivideByLognormalSizes(100, bad, 2, 1),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected more than 0 and at most 10")));
  }
  for (const double bad : {1.0, nan, 101.0}) {
    EXPECT_THAT(DivideByPowerLawSizes(100, bad, 2, 1),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("expected more than 1 and at most 100")));
  }
}

}  // namespace
}  // namespace shoal::learning
