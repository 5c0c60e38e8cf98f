#include "privacy/differential_privacy/distributed_grid.h"

#include <cmath>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "privacy/differential_privacy/distributed_mechanism.h"
#include "tests/support/insecure_rng.h"
#include "tests/support/status_matchers.h"

namespace shoal::privacy {
namespace {

using ::shoal::secure_aggregation::RingVector;
using ::shoal::testing::InsecureSeededRng;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

const std::string kRotation(32, 'r');

RingFitOptions Example(NoiseKind kind = NoiseKind::kSkellam) {
  return {.kind = kind,
          .ring_bits = 14,
          .clip_norm = 1,
          .length = 1024,
          .num_members = 50,
          .min_survivors = 40,
          .colluding_fraction = 0.1};
}

// k sqrt((c n)^2 / d + (g^2 / 4 + s^2) n) / g, by hand.
double FillOf(const DistributedNoise& noise, double num_stddevs) {
  const double step = noise.rounding().quantiser().step();
  const auto n = static_cast<double>(noise.options().num_members);
  const double clip = noise.rounding().quantiser().options().norm_bound;
  const double share = noise.share_stddev() * step;
  const auto length = static_cast<double>(noise.rounding().length());
  return num_stddevs / step *
         std::sqrt(clip * clip * n * n / length +
                   n * (step * step / 4 + share * share));
}

TEST(DistributedGridTest, TheFinestGridThatFitsFillsTheRing) {
  for (const NoiseKind kind :
       {NoiseKind::kDiscreteGaussian, NoiseKind::kSkellam}) {
    for (const int bits : {12, 14, 18}) {
      RingFitOptions options = Example(kind);
      options.ring_bits = bits;
      const auto noise = FitToRing(options, 2);
      SHOAL_ASSERT_OK(noise);
      const double half = std::ldexp(1, bits - 1);
      EXPECT_LE(FillOf(*noise, 4), half * (1 + 1e-12));
      EXPECT_GT(FillOf(*noise, 4), half * (1 - 1e-5));
      EXPECT_EQ(noise->ring_bits(), bits);
      EXPECT_EQ(noise->num_honest_shares(), 35);
      EXPECT_NEAR(noise->options().noise_multiplier, 2, 3e-6);
      EXPECT_GE(noise->options().noise_multiplier, 2);
    }
  }
}

TEST(DistributedGridTest, MoreBitsMakeSmallerErrorsDownToThatOfTheNoise) {
  double before = INFINITY;
  for (const int bits : {10, 11, 12, 14, 18, 40}) {
    RingFitOptions options = Example();
    options.ring_bits = bits;
    const auto noise = FitToRing(options, 2);
    SHOAL_ASSERT_OK(noise);
    EXPECT_LT(SquaredSumError(*noise), before) << bits;
    before = SquaredSumError(*noise);
  }
  // 50 shares of 1/35 of the variance of 2 clip norms.
  EXPECT_NEAR(before, 4 * 50.0 / 35, 1e-4);
}

TEST(DistributedGridTest, AMultiplierThatDependsOnTheGridIsThatOfTheGrid) {
  const auto multiplier = [](double bound) -> absl::StatusOr<double> {
    return 2 + 3 / bound;
  };
  const auto noise = FitToRing(Example(), multiplier);
  SHOAL_ASSERT_OK(noise);
  const double needed = 2 + 3 / noise->rounding().bound();
  EXPECT_GE(noise->options().noise_multiplier, needed);
  EXPECT_LE(noise->options().noise_multiplier, needed * (1 + 1e-5));
  EXPECT_THAT(FitToRing(Example(),
                        [](double) -> absl::StatusOr<double> {
                          return absl::DataLossError("told");
                        }),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(DistributedGridTest, NoCoordinateOfAShortVectorIsCutOff) {
  for (const int64_t length : {1, 4, 100}) {
    RingFitOptions options = Example();
    options.length = length;
    options.ring_bits = 24;
    const auto noise = FitToRing(options, 1);
    SHOAL_ASSERT_OK(noise);
    const auto& quantiser = noise->rounding().quantiser().options();
    EXPECT_GE(quantiser.coordinate_bound,
              std::min(1.0, 6 / std::sqrt(static_cast<double>(length))));
    EXPECT_LE(FillOf(*noise, 4), std::ldexp(1, 23));
  }
}

// 50 times the same update is the worst for the ring: the sum of all comes back
// with the error that SquaredSumError says, and wraps around next to nowhere.
TEST(DistributedGridTest, SumsOfEqualUpdatesComeBack) {
  const auto noise = FitToRing(Example(), 0.2);
  SHOAL_ASSERT_OK(noise);
  InsecureSeededRng rng(1);
  std::vector<float> update(1024);
  for (int k = 0; k < 1024; ++k) {
    update[k] = static_cast<float>(std::sin(k * k) / std::sqrt(512));
  }
  RingVector sum(1024, noise->ring_bits());
  for (int member = 0; member < 50; ++member) {
    std::vector<float> copy = update;
    RingVector out(1024, noise->ring_bits());
    noise->Encode(absl::MakeSpan(copy), kRotation, rng, out);
    for (int k = 0; k < 1024; ++k) sum.Set(k, sum.Get(k) + out.Get(k));
  }
  std::vector<double> decoded(1024);
  SHOAL_ASSERT_OK(noise->rounding().quantiser().DecodeMean(
      sum, 1, kRotation, absl::MakeSpan(decoded)));
  double squares = 0;
  double norm = 0;
  for (int k = 0; k < 1024; ++k) norm += update[k] * update[k];
  const double shrunk = std::min(1.0, 1 / std::sqrt(norm));
  for (int k = 0; k < 1024; ++k) {
    squares += std::pow(decoded[k] - 50 * shrunk * update[k], 2);
  }
  // The deviation of a mean of 1024 squares is sqrt(2 / 1024): 5.5 of them.
  EXPECT_NEAR(squares / 1024 / SquaredSumError(*noise), 1,
              5.5 * std::sqrt(2.0 / 1024));
}

TEST(DistributedGridTest, WhatCannotBeIsRefused) {
  const auto refused = [](auto change, const char* name) {
    RingFitOptions options = Example();
    change(options);
    EXPECT_THAT(FitToRing(options, 2),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(name)));
  };
  refused([](auto& o) { o.ring_bits = 1; }, "ring bits is 1");
  refused([](auto& o) { o.ring_bits = 65; }, "ring bits is 65");
  refused([](auto& o) { o.ring_bits = 6; }, "do not fit 6 bits");
  refused([](auto& o) { o.clip_norm = 0; }, "clip norm");
  refused([](auto& o) { o.length = 0; }, "length");
  refused([](auto& o) { o.beta = 1; }, "beta");
  refused([](auto& o) { o.num_stddevs = 0; }, "standard deviations");
  refused([](auto& o) { o.min_survivors = 51; }, "survivors");
  refused([](auto& o) { o.colluding_fraction = 0.8; }, "collude");
  EXPECT_THAT(FitToRing(Example(NoiseKind::kDiscreteGaussian), 0.01),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a finer grid or Skellam noise")));
}

TEST(DistributedGridTest, RingsOfOtherSizesAreRefused) {
  const auto fitted = FitToRing(Example(), 2);
  SHOAL_ASSERT_OK(fitted);
  for (const int bits :
       {fitted->rounding().quantiser().options().bits - 1, 65}) {
    DistributedNoiseOptions options = fitted->options();
    options.ring_bits = bits;
    EXPECT_THAT(DistributedNoise::Create(fitted->rounding(), options),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("number of ring bits")));
  }
}

TEST(DistributedGridTest, BudgetsCountRoundsAndSamples) {
  DistributedBudget budget = {
      .epsilon = 2,
      .query = {kDeviceAddRemove, 1e-6, Accountant::kRdp},
      .rounds = 500,
      .poisson_rate = 0.01};
  for (const NoiseKind kind :
       {NoiseKind::kDiscreteGaussian, NoiseKind::kSkellam}) {
    const auto noise = FitBudgetToRing(Example(kind), budget);
    SHOAL_ASSERT_OK(noise);
    const auto mechanism = DistributedMechanism<kDeviceAddRemove>::Create(
        *noise, {.expected_devices = 50,
                 .poisson_rate = 0.01,
                 .accountant = Accountant::kRdp});
    SHOAL_ASSERT_OK(mechanism);
    const auto spent =
        Epsilon(*PrivacyEvent::Repeat(mechanism->event(), 500), budget.query);
    SHOAL_ASSERT_OK(spent);
    EXPECT_LE(spent->upper, 2);
    EXPECT_GT(spent->upper, 1.9999);
  }
  budget.query.accountant = Accountant::kPld;
  EXPECT_THAT(FitBudgetToRing(Example(NoiseKind::kSkellam), budget),
              StatusIs(absl::StatusCode::kUnimplemented, HasSubstr("rdp")));
}

}  // namespace
}  // namespace shoal::privacy
