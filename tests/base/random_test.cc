#include "base/random.h"

#include <algorithm>
#include <cmath>
#include <set>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;
using ::testing::UnorderedElementsAreArray;

// Statistical tests draw kSamples values under a fixed seed; their bounds are
// 6 standard errors, which another seed would exceed with a chance of 2e-9.
constexpr int kSamples = 200000;
constexpr double kErrors = 6;

// From an independent implementation in Python, itself checked against the
// authors' vectors (xoshiro256++ from the state 1, 2, 3, 4: 41943041, 58720359,
// …; SplitMix64 from 1234567: 6457827717110365317, 3203168211198807973, …).
TEST(SeededRngTest, StreamIsXoshiro256PlusPlusSeededBySplitMix64) {
  const auto first = [](uint64_t seed) {
    SeededRng rng(seed);
    return std::vector<uint64_t>{rng.Uint64(), rng.Uint64(), rng.Uint64(),
                                 rng.Uint64()};
  };
  EXPECT_THAT(first(0), ElementsAre(0x53175d61490b23df, 0x61da6f3dc380d507,
                                    0x5c0fdf91ec9a7bfc, 0x02eebf8c3bbe5e1a));
  EXPECT_THAT(first(1), ElementsAre(0xcfc5d07f6f03c29b, 0xbf424132963fe08d,
                                    0x19a37d5757aaf520, 0xbf08119f05cd56d6));
  EXPECT_THAT(first(~uint64_t{0}),
              ElementsAre(0x56ccf8ce948e27b2, 0xe68588432e5a5b90,
                          0xe3e9b5a48119ca8b, 0x460f19495532ae73));
}

TEST(SeededRngTest, UniformHasItsMomentsAndRange) {
  SeededRng rng(2);
  double sum = 0, squares = 0;
  for (int i = 0; i < kSamples; ++i) {
    const double x = rng.Uniform();
    ASSERT_GE(x, 0);
    ASSERT_LT(x, 1);
    sum += x;
    squares += x * x;
  }
  // Var(x) = 1/12, Var(x^2) = 1/5 - 1/9.
  EXPECT_NEAR(sum / kSamples, 0.5, kErrors * std::sqrt(1 / 12.0 / kSamples));
  EXPECT_NEAR(squares / kSamples, 1 / 3.0,
              kErrors * std::sqrt((1 / 5.0 - 1 / 9.0) / kSamples));
}

TEST(SeededRngTest, BelowIsUniformOverItsRange) {
  SeededRng rng(3);
  constexpr int kBound = 7;
  std::vector<int> counts(kBound);
  for (int i = 0; i < kSamples; ++i) ++counts.at(rng.Below(kBound));
  const double mean = static_cast<double>(kSamples) / kBound;
  for (int count : counts) {
    EXPECT_NEAR(count, mean, kErrors * std::sqrt(mean));
  }
}

TEST(SeededRngTest, BelowIsUnbiasedForHugeBounds) {
  // A plain x mod 3 * 2^62 would fall below 2^62 half of the time.
  SeededRng rng(4);
  int low = 0;
  for (int i = 0; i < kSamples; ++i) {
    low += rng.Below(uint64_t{3} << 62) < (uint64_t{1} << 62);
  }
  EXPECT_NEAR(low, kSamples / 3.0, kErrors * std::sqrt(kSamples * 2.0 / 9));
}

TEST(SeededRngTest, BelowOneIsZero) {
  SeededRng rng(5);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(rng.Below(1), 0);
}

TEST(SeededRngDeathTest, NothingIsBelowZero) {
  SeededRng rng(5);
  EXPECT_DEATH(rng.Below(0), "check failed");
}

TEST(SeededRngTest, NormalHasItsFirstFourMoments) {
  SeededRng rng(6);
  double sum[5] = {};
  for (int i = 0; i < kSamples; ++i) {
    const double x = rng.Normal();
    double power = 1;
    for (double& s : sum) {
      s += power;
      power *= x;
    }
  }
  // E[x^2k] = (2k - 1)!!, hence the variances 1, 2, 15, 96.
  const auto bound = [](double variance) {
    return kErrors * std::sqrt(variance / kSamples);
  };
  EXPECT_NEAR(sum[1] / kSamples, 0, bound(1));
  EXPECT_NEAR(sum[2] / kSamples, 1, bound(2));
  EXPECT_NEAR(sum[3] / kSamples, 0, bound(15));
  EXPECT_NEAR(sum[4] / kSamples, 3, bound(96));
}

TEST(SeededRngTest, ConsecutiveNormalsAreUncorrelated) {
  SeededRng rng(7);
  double products = 0;
  for (int i = 0; i < kSamples; ++i) {
    const double x = rng.Normal();
    products += x * rng.Normal();
  }
  EXPECT_NEAR(products / kSamples, 0, kErrors / std::sqrt(kSamples));
}

class GammaTest : public ::testing::TestWithParam<double> {};

TEST_P(GammaTest, MeanAndVarianceAreTheShape) {
  const double shape = GetParam();
  SeededRng rng(8);
  double sum = 0, squares = 0;
  for (int i = 0; i < kSamples; ++i) {
    const double x = rng.Gamma(shape);
    ASSERT_GE(x, 0);
    ASSERT_TRUE(std::isfinite(x));
    sum += x;
    squares += (x - shape) * (x - shape);
  }
  EXPECT_NEAR(sum / kSamples, shape, kErrors * std::sqrt(shape / kSamples));
  // Var((x - a)^2) = 2 a^2 + 6 a.
  EXPECT_NEAR(squares / kSamples, shape,
              kErrors * std::sqrt((2 * shape * shape + 6 * shape) / kSamples));
}

INSTANTIATE_TEST_SUITE_P(Shapes, GammaTest,
                         ::testing::Values(0.1, 0.3, 1.0, 2.5, 40.0));

TEST(SeededRngTest, ShuffleKeepsEveryValue) {
  std::vector<int> values(100);
  for (int i = 0; i < 100; ++i) values[i] = i;
  std::vector<int> shuffled = values;
  SeededRng rng(9);
  rng.Shuffle(absl::MakeSpan(shuffled));
  EXPECT_NE(shuffled, values);
  EXPECT_THAT(shuffled, UnorderedElementsAreArray(values));
}

TEST(SeededRngTest, ShuffleReachesEveryOrderEquallyOften) {
  SeededRng rng(10);
  constexpr int kShuffles = 60000;
  std::vector<int> counts(6);
  for (int i = 0; i < kShuffles; ++i) {
    std::vector<int> order = {0, 1, 2};
    rng.Shuffle(absl::MakeSpan(order));
    ++counts[2 * order[0] + (order[1] > order[2])];
  }
  for (int count : counts) {
    EXPECT_NEAR(count, kShuffles / 6.0, kErrors * std::sqrt(kShuffles / 6.0));
  }
}

// The value is from Python: the first 8 bytes of SHA-256 over seed, length of
// the purpose, purpose, numbers.
TEST(DeriveSeedTest, IsTheBeginningOfASha256) {
  EXPECT_EQ(DeriveSeed(7, "shuffle", {3, 4}), 0xec30de644d35d001);
}

TEST(DeriveSeedTest, EveryInputCounts) {
  const std::set<uint64_t> seeds = {
      DeriveSeed(1, "a"),         DeriveSeed(2, "a"),
      DeriveSeed(1, "b"),         DeriveSeed(1, "a", {0}),
      DeriveSeed(1, "a", {0, 0}), DeriveSeed(1, "a", {1}),
      DeriveSeed(1, "a", {1, 2}), DeriveSeed(1, "a", {2, 1})};
  EXPECT_EQ(seeds.size(), 8);
}

TEST(SystemRngTest, FillsEveryByteAndDoesNotRepeat) {
  SystemRng rng;
  std::vector<bool> touched(64);
  for (int trial = 0; trial < 20; ++trial) {
    const std::string bytes = rng.Bytes(64);
    for (int i = 0; i < 64; ++i) touched[i] = touched[i] || bytes[i] != 0;
  }
  // A byte that is zero 20 times has a chance of 2^-160.
  EXPECT_EQ(std::count(touched.begin(), touched.end(), true), 64);
  EXPECT_NE(rng.Uint64(), rng.Uint64());
  EXPECT_NE(rng.Bytes(32), rng.Bytes(32));
}

TEST(SystemRngTest, UniformStaysInItsRange) {
  SystemRng rng;
  for (int i = 0; i < 1000; ++i) {
    const double x = rng.Uniform();
    ASSERT_GE(x, 0);
    ASSERT_LT(x, 1);
  }
}

}  // namespace
}  // namespace shoal
