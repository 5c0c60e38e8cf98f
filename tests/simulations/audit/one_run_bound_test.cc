#include "simulations/audit/one_run_bound.h"

#include <cmath>
#include <vector>

#include "base/random.h"
#include "gtest/gtest.h"

namespace shoal::simulations {
namespace {

// Coins of probability 3/4 are those of epsilon = log 3.
const double kLogThree = std::log(3.0);

// P(X >= 3) of four coins: 4 * 27/256 + 81/256 = 189/256.
TEST(OneRunBoundTest, PureChanceIsABinomialTail) {
  EXPECT_NEAR(ChanceOfGuesses({10, 4, 3}, kLogThree, 0), 189.0 / 256, 1e-12);
  EXPECT_NEAR(ChanceOfGuesses({10, 4, 4}, kLogThree, 0), 81.0 / 256, 1e-12);
  EXPECT_NEAR(ChanceOfGuesses({10, 4, 4}, 0, 0), 1.0 / 16, 1e-12);
  EXPECT_EQ(ChanceOfGuesses({10, 4, 0}, kLogThree, 0), 1);
}

// Beside the tail of 81/256 for v = 4: the masses at 3, 2, 1, 0 are 108, 54, 12
// and 1 of 256, and the means of the first one, two, … of them 108, 81, 58, 43.
// The largest is the first: 2 * 10 * 0.001 * 108/256.
TEST(OneRunBoundTest, DeltaAddsTheSteepestPartOfTheTail) {
  EXPECT_NEAR(ChanceOfGuesses({10, 4, 4}, kLogThree, 0.001),
              (81 + 0.02 * 108) / 256, 1e-12);
  // For v = 2 of six fair coins: the masses at 1 and 0 are 6 and 1 of 64.
  EXPECT_NEAR(ChanceOfGuesses({6, 6, 2}, 0, 0.01), (57 + 0.12 * 6) / 64, 1e-12);
}

// All of r right: P = p^r, so that the bound is the logit of beta^(1/r).
TEST(OneRunBoundTest, AllRightProveTheLogitOfARoot) {
  for (const int64_t r : {1, 10, 100, 1000}) {
    const double p = std::pow(0.05, 1.0 / static_cast<double>(r));
    const double expected = std::max(0.0, std::log(p / (1 - p)));
    EXPECT_NEAR(EpsilonLowerBound({r, r, r}, 0, 0.05), expected, 1e-9) << r;
  }
}

TEST(OneRunBoundTest, HalfRightProveNothing) {
  EXPECT_EQ(EpsilonLowerBound({100, 100, 50}, 1e-5, 0.05), 0);
  EXPECT_EQ(EpsilonLowerBound({100, 0, 0}, 1e-5, 0.05), 0);
}

TEST(OneRunBoundTest, MoreDeltaProvesLess) {
  double last = 1e9;
  for (const double delta : {0.0, 1e-6, 1e-5, 1e-4, 1e-3}) {
    const double bound = EpsilonLowerBound({500, 500, 480}, delta, 0.05);
    EXPECT_LT(bound, last) << delta;
    last = bound;
  }
  EXPECT_EQ(EpsilonLowerBound({500, 500, 480}, 0.1, 0.05), 0);
}

// Randomised response of every canary's coin is what the bound is tight for:
// 100 canaries, epsilon 1, ten thousand runs. Of the bounds with an error of
// 20 % at most as many are above 1, but for six standard deviations (a
// probability below 1e-6), and not many fewer.
TEST(OneRunBoundTest, BoundsOfRandomisedResponseAreWrongAsOftenAsAllowed) {
  constexpr int kRuns = 10'000;
  constexpr int kCanaries = 100;
  constexpr double kError = 0.2;
  SeededRng rng(1);
  std::vector<double> bounds;
  for (int64_t right = 0; right <= kCanaries; ++right) {
    bounds.push_back(
        EpsilonLowerBound({kCanaries, kCanaries, right}, 0, kError));
  }
  const double truth = 1 / (1 + std::exp(-1.0));
  int too_high = 0;
  for (int run = 0; run < kRuns; ++run) {
    int right = 0;
    for (int i = 0; i < kCanaries; ++i) right += rng.Uniform() < truth ? 1 : 0;
    if (bounds[right] > 1) ++too_high;
  }
  const double six_deviations = 6 * std::sqrt(kRuns * kError * (1 - kError));
  EXPECT_LE(too_high, kRuns * kError + six_deviations);
  EXPECT_GE(too_high, kRuns * kError * 0.6);
}

TEST(OneRunBoundTest, HighScoresAreSaidToBeInAndLowOnesHeldOut) {
  // in: 9 8 6 3, out: 7 5 4 2 1 0
  const std::vector<ScoredCanary> canaries = {
      {0, false}, {1, false}, {2, false}, {3, true}, {4, false},
      {5, false}, {6, true},  {7, false}, {8, true}, {9, true}};
  const std::vector<Guesses> guesses = GuessByScore(canaries);
  ASSERT_EQ(guesses.size(), static_cast<size_t>(kGuessLevels));
  // In: 9 8 7 6 5, held out: 4 3 2 1 0.
  EXPECT_EQ(guesses[0].made, 10);
  EXPECT_EQ(guesses[0].right, 7);
  // In: 9 8, held out: 1 0.
  EXPECT_EQ(guesses[1].made, 4);
  EXPECT_EQ(guesses[1].right, 4);
  EXPECT_EQ(guesses[2].made, 2);
  EXPECT_EQ(guesses[3].made, 0);
  for (const Guesses& all : guesses) EXPECT_EQ(all.canaries, 10);
}

}  // namespace
}  // namespace shoal::simulations
