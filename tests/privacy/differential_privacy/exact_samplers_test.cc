#include "privacy/differential_privacy/exact_samplers.h"

#include <cmath>
#include <vector>

#include "gtest/gtest.h"
#include "tests/privacy/differential_privacy/histogram.h"
#include "tests/privacy/differential_privacy/scripted_rng.h"
#include "tests/support/insecure_rng.h"

namespace shoal::privacy {
namespace {

using ::shoal::testing::ExpectDistribution;
using ::shoal::testing::InsecureSeededRng;
using ::shoal::testing::ScriptedRng;

TEST(RandomWordsTest, BelowIsUniformAndRefusesWhatIsAbove) {
  ScriptedRng scripted({7, 6, 5});
  RandomWords fixed(scripted);
  EXPECT_EQ(fixed.Below(6), 5u);  // 7 and 6 are drawn again
  InsecureSeededRng rng(1);
  RandomWords words(rng);
  ExpectDistribution([&] { return static_cast<int64_t>(words.Below(6)); },
                     [](int64_t k) { return k >= 0 && k < 6 ? 1.0 / 6 : 0; }, 6,
                     60'000);
}

TEST(RandomWordsTest, WideBoundsTakeTwoWords) {
  ScriptedRng scripted({~uint64_t{0}, 3, 1, 9});
  RandomWords words(scripted);
  const absl::uint128 bound = absl::uint128(3) << 64;
  // The first two bits are 11, which is not below the bound; then 01.
  EXPECT_EQ(words.Below(bound), absl::MakeUint128(1, 9));
}

TEST(ExactSamplersTest, CoinsHaveTheirProbability) {
  InsecureSeededRng rng(2);
  RandomWords words(rng);
  struct Case {
    uint64_t numerator, denominator;
  };
  for (const Case& w : {Case{0, 1}, {1, 3}, {1, 1}, {7, 2}, {5, 1}}) {
    const double p = std::exp(-static_cast<double>(w.numerator) /
                              static_cast<double>(w.denominator));
    const auto draw = [&] {
      return BernoulliExp(w.numerator, w.denominator, words) ? 1 : 0;
    };
    const auto probability = [&](int64_t k) {
      return k == 1 ? p : k == 0 ? 1 - p : 0;
    };
    ExpectDistribution(draw, probability, 1, 200'000);
  }
}

TEST(ExactSamplersTest, GeometricIsExact) {
  InsecureSeededRng rng(3);
  RandomWords words(rng);
  ExpectDistribution([&] { return static_cast<int64_t>(GeometricExp(words)); },
                     [](int64_t k) {
                       return k < 0 ? 0
                                    : (1 - std::exp(-1.0)) *
                                          std::exp(-static_cast<double>(k));
                     },
                     40, 200'000);
}

TEST(ExactSamplersTest, DiscreteLaplaceOfFractionsIsExact) {
  InsecureSeededRng rng(4);
  RandomWords words(rng);
  for (const Ratio scale : {Ratio{1, 2}, {5, 3}, {20, 1}}) {
    const double t = static_cast<double>(scale.numerator) /
                     static_cast<double>(scale.denominator);
    ExpectDistribution(
        [&] { return DiscreteLaplace(scale, words); },
        [&](int64_t k) {
          return std::tanh(1 / (2 * t)) *
                 std::exp(-std::fabs(static_cast<double>(k)) / t);
        },
        500, 200'000);
  }
}

TEST(ExactSamplersTest, DiscreteGaussianOfFractionsIsExact) {
  InsecureSeededRng rng(5);
  RandomWords words(rng);
  for (const Ratio variance : {Ratio{1, 100}, {1, 4}, {7, 3}, {400, 1}}) {
    const double v = static_cast<double>(variance.numerator) /
                     static_cast<double>(variance.denominator);
    const auto weight = [&](int64_t k) {
      return std::exp(-static_cast<double>(k * k) / (2 * v));
    };
    double total = 0;
    for (int64_t k = -400; k <= 400; ++k) total += weight(k);
    ExpectDistribution([&] { return DiscreteGaussian(variance, words); },
                       [&](int64_t k) { return weight(k) / total; }, 400,
                       100'000);
  }
}

TEST(ExactSamplersTest, RandomisedResponseTellsTheTruthAsOftenAsItShould) {
  InsecureSeededRng rng(6);
  RandomWords words(rng);
  ExpectDistribution(
      [&] {
        return static_cast<int64_t>(RandomisedResponse(2, 5, {3, 10}, words));
      },
      [](int64_t k) { return k < 0 || k > 4 ? 0
                             : k == 2       ? 0.76
                                            : 0.06; }, 5,
      100'000);
}

}  // namespace
}  // namespace shoal::privacy
