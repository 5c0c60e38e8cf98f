#include "simulations/audit/canary_scores.h"

#include <cmath>
#include <vector>

#include "base/random.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "privacy/accounting/gaussian_mechanism.h"
#include "privacy/matrix_mechanisms/toeplitz.h"

namespace shoal::simulations {
namespace {

using ::testing::DoubleNear;
using ::testing::ElementsAre;
using ::testing::Pointwise;

TEST(CanaryScoresTest, CosinesAreOfTheWholeChangeAndOfTheLargestRound) {
  const ModelMoves moves = {.lengths = {2, 4, 0}, .total_length = 5};
  const CanarySeen canary = {
      .is_in = true, .along = {1, 3, 0}, .took_part = {}};
  EXPECT_DOUBLE_EQ(FinalModelScore(canary, moves), 0.8);
  EXPECT_DOUBLE_EQ(AllModelsScore(canary, moves), 0.75);
}

// The rules of aggregation/sgd_rule.h, with a rate of 2, on updates 1, 0, -3.
TEST(CanaryScoresTest, MomentumIsUndone) {
  configuration::SgdServerOptions sgd = {.learning_rate = 2, .momentum = 0.5};
  // v: 1, 0.5, -2.75.
  EXPECT_THAT(UndoServerOptimizer({2, 1, -5.5}, sgd),
              Pointwise(DoubleNear(1e-12), {2, 0, -6}));
  sgd.nesterov = true;
  // D + v / 2: 1.5, 0.25, -4.375.
  EXPECT_THAT(UndoServerOptimizer({3, 0.5, -8.75}, sgd),
              Pointwise(DoubleNear(1e-12), {2, 0, -6}));
  EXPECT_THAT(UndoServerOptimizer({3, 0.5}, configuration::AdamServerOptions{}),
              ElementsAre(3, 0.5));
}

TEST(CanaryScoresTest, FreshNoiseIsAddedUpOverOwnRounds) {
  const CanarySeen canary = {
      .is_in = true, .along = {}, .took_part = {true, false, true, true}};
  EXPECT_DOUBLE_EQ(ParticipationScore(canary, {1, 100, 2, 4}, {1.0}),
                   7 / std::sqrt(3.0));
}

// Two rounds, C = [1 0; 0.5 1]; it took part in the first: w = (1, 0.5), and
// C u = (2, 1 + 6) for u = (2, 6).
TEST(CanaryScoresTest, CorrelatedNoiseIsUndoneFirst) {
  const CanarySeen canary = {
      .is_in = true, .along = {}, .took_part = {true, false}};
  EXPECT_DOUBLE_EQ(ParticipationScore(canary, {2, 6}, {1, 0.5}),
                   (2 + 0.5 * 7) / std::sqrt(1.25));
}

// Under banded noise of deviation 1 the score of a canary has a deviation of 1,
// and that of one that is in is higher by the norm of w: nothing is lost. Of
// 20'000 runs means have a standard error of 0.007 and deviations of 0.005: off
// by 0.04 with a probability below 1e-6.
TEST(CanaryScoresTest, NoScoreUnderCorrelatedNoiseHasMoreToTell) {
  constexpr int kRounds = 12;
  constexpr int kRuns = 20'000;
  std::vector<double> column = privacy::SquareRootColumn(4);
  const std::vector<double> inverse = [&] {
    std::vector<double> padded = column;
    padded.resize(kRounds);
    return privacy::InverseColumn(padded);
  }();
  CanarySeen canary;
  double norm_squared = 0;
  for (int t = 0; t < kRounds; ++t) canary.took_part.push_back(t % 4 == 1);
  for (int t = 0; t < kRounds; ++t) {
    double w = 0;
    for (int j = 0; j < 4 && j <= t; ++j) {
      if (canary.took_part[t - j]) w += column[j];
    }
    norm_squared += w * w;
  }
  SeededRng rng(5);
  double sum = 0;
  double squares = 0;
  for (int run = 0; run < kRuns; ++run) {
    std::vector<double> z(kRounds);
    for (double& value : z) value = rng.Normal();
    std::vector<double> seen(kRounds);
    for (int t = 0; t < kRounds; ++t) {
      seen[t] = canary.took_part[t] ? 1 : 0;
      for (int j = 0; j <= t; ++j) seen[t] += inverse[j] * z[t - j];
    }
    const double score = ParticipationScore(canary, seen, column);
    sum += score;
    squares += score * score;
  }
  const double mean = sum / kRuns;
  EXPECT_NEAR(mean, std::sqrt(norm_squared), 0.04);
  EXPECT_NEAR(std::sqrt(squares / kRuns - mean * mean), 1, 0.04);
}

std::vector<ScoredCanary> NormalScores(int count, double distance,
                                       double deviation) {
  SeededRng rng(9);
  std::vector<ScoredCanary> canaries;
  for (int i = 0; i < count; ++i) {
    const bool is_in = rng.Below(2) == 1;
    canaries.push_back(
        {deviation * rng.Normal() + (is_in ? distance : 0), is_in});
  }
  return canaries;
}

// Distance over deviation is known to 2 / √20'000 = 0.014 of one deviation: by
// five of these, epsilon moves by less than 0.4 here.
TEST(CanaryScoresTest, EstimateOfAGaussianMechanismIsItsEpsilon) {
  for (const double noise : {0.5, 1.0, 4.0}) {
    const auto estimate =
        EstimateEpsilon(NormalScores(20'000, 3, 3 * noise), 1e-5);
    ASSERT_TRUE(estimate.has_value());
    EXPECT_NEAR(*estimate, privacy::GaussianEpsilon(noise, 1e-5), 0.4) << noise;
  }
}

TEST(CanaryScoresTest, WithoutDistanceTheEstimateIsNothing) {
  EXPECT_EQ(EstimateEpsilon(NormalScores(100, -3, 0.1), 1e-5), 0);
  EXPECT_EQ(
      EstimateEpsilon(std::vector<ScoredCanary>{{1, true}, {0, false}}, 1e-5),
      std::nullopt);
}

}  // namespace
}  // namespace shoal::simulations
