#include "tests/privacy/differential_privacy/privacy_audit.h"

#include <cmath>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"
#include "privacy/accounting/gaussian_mechanism.h"

namespace shoal::testing {
namespace {

using privacy::Adjacency;
using privacy::PrivacyEvent;

TEST(ClopperPearsonTest, BoundsAreThePublishedOnes) {
  EXPECT_NEAR(ProbabilityAtLeast(5, 10, 0.025), 0.187086, 1e-6);
  EXPECT_NEAR(ProbabilityAtMost(5, 10, 0.025), 0.812914, 1e-6);
  // 1 - failure^(1 / n), and nothing below 0.
  EXPECT_NEAR(ProbabilityAtMost(0, 100, 1e-6), 1 - std::pow(1e-6, 0.01), 1e-12);
  EXPECT_EQ(ProbabilityAtLeast(0, 100, 1e-6), 0);
  EXPECT_NEAR(ProbabilityAtLeast(20'000, 40'000, 1e-6),
              0.5 - 4.7534 * 0.5 / 200, 1e-4);
}

// Values of mean `mean` and deviation 1, where `mean` has norm 1.
Outcomes Normal(uint64_t seed, const std::vector<double>& mean,
                double deviation = 1) {
  SeededRng rng(seed);
  return Repeat(20'000, [&] {
    std::vector<double> outcome = mean;
    for (double& value : outcome) value += deviation * rng.Normal();
    return outcome;
  });
}

TEST(PrivacyAuditTest, BoundsAreBelowTheTrueEpsilonAndNearIt) {
  const Outcomes with = Normal(1, {0.6, 0, 0.8});
  const Outcomes without = Normal(2, {0, 0, 0});
  for (const double delta : {1e-5, 0.01, 0.1, 0.3}) {
    EXPECT_LE(EpsilonLowerBound(with, without, delta, 1e-6),
              privacy::GaussianEpsilon(1, delta))
        << delta;
  }
  // Rare outcomes are not in a sample; common ones are.
  EXPECT_GT(EpsilonLowerBound(with, without, 1e-5, 1e-6),
            0.2 * privacy::GaussianEpsilon(1, 1e-5));
  EXPECT_GT(EpsilonLowerBound(with, without, 0.1, 1e-6),
            0.7 * privacy::GaussianEpsilon(1, 0.1));
}

TEST(PrivacyAuditTest, EqualInputsShowNothing) {
  EXPECT_EQ(EpsilonLowerBound(Normal(3, {0, 0}), Normal(4, {0, 0}), 1e-6, 1e-6),
            0);
}

TEST(PrivacyAuditTest, BothDirectionsAreLookedAt) {
  // Never below 0 with, a tenth of the time without: nothing that `with` does
  // often is rare without.
  SeededRng rng(5);
  const auto coin = [&](double below) {
    return Repeat(20'000, [&]() -> std::vector<double> {
      return {rng.Uniform() < below ? -1.0 : 1.0};
    });
  };
  const Outcomes with = coin(0);
  const Outcomes without = coin(0.1);
  EXPECT_GT(EpsilonLowerBound(with, without, 1e-6, 1e-6), 3);
  EXPECT_GT(EpsilonLowerBound(without, with, 1e-6, 1e-6), 3);
}

TEST(PrivacyAuditTest, RightClaimsStandAndWrongOnesFall) {
  const Outcomes with = Normal(6, {1});
  const Outcomes without = Normal(7, {0});
  constexpr auto kAddRemove = Adjacency::kAddRemove;
  EXPECT_FALSE(Refuted(with, without, *PrivacyEvent::Gaussian(1), kAddRemove));
  EXPECT_TRUE(Refuted(with, without, *PrivacyEvent::Gaussian(1.2), kAddRemove));
  // Replacing may move a sum by 2.
  EXPECT_FALSE(Refuted(with, without, *PrivacyEvent::Gaussian(2),
                       Adjacency::kReplaceOne));
}

// How often a right claim is refuted is stated as at most 1e-6: here 2000 right
// bounds with a stated failure of 0.05. With that, more than 141 failures of
// 2000 have a probability below 1e-5.
TEST(PrivacyAuditTest, BoundsFailNoMoreOftenThanIsStated) {
  const double truth = privacy::GaussianEpsilon(1, 0.1);
  int failures = 0;
  for (uint64_t i = 0; i < 2000; ++i) {
    SeededRng rng(100 + i);
    const auto normal = [&](double mean) {
      return Repeat(
          200, [&]() -> std::vector<double> { return {mean + rng.Normal()}; });
    };
    const Outcomes with = normal(1);
    failures += EpsilonLowerBound(with, normal(0), 0.1, 0.05) > truth ? 1 : 0;
  }
  EXPECT_LE(failures, 141);
}

}  // namespace
}  // namespace shoal::testing
