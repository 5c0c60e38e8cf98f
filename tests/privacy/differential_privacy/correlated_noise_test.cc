#include "privacy/differential_privacy/correlated_noise.h"

#include <cmath>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/external_data.h"
#include "tests/support/insecure_rng.h"
#include "tests/support/reference_table.h"
#include "tests/support/status_matchers.h"

namespace shoal::privacy {
namespace {

using ::shoal::testing::InsecureSeededRng;
using ::shoal::testing::ReferenceRow;
using ::shoal::testing::ReferenceTable;
using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

using Rounds = std::vector<std::vector<int64_t>>;

constexpr int64_t kLength = 6000;
constexpr double kSigma = 4096;
// Five and a half standard deviations of the variance of so many normal values:
// 4e-8 for each of some hundred that are looked at.
const double kVarianceError = 5.5 * std::sqrt(2.0 / kLength);

std::string File(const std::string& name) {
  return testing::ReferenceDir() + "/privacy/" + name + ".csv";
}

std::vector<NoiseMatrix> Matrices() {
  return {TreeMatrix{},
          TreeMatrix{.restart_every = 3},
          TreeMatrix{.reduce_variance = false},
          BandedMatrix{{1, 0.5, 0.375}},
          BandedMatrix{{1}},
          BufferedMatrix{{{0.9, 0.5}, {0.2, 0.25}}}};
}

CorrelatedNoiseOptions Options(NoiseMatrix matrix, int64_t rounds,
                               int64_t length = kLength) {
  return {.matrix = std::move(matrix),
          .num_rounds = rounds,
          .length = length,
          .sigma = kSigma};
}

Rounds DrawAll(CorrelatedNoise& noise, int64_t rounds, int64_t length) {
  Rounds all;
  for (int64_t t = 0; t < rounds; ++t) {
    all.emplace_back(length);
    EXPECT_TRUE(noise.Next(absl::MakeSpan(all.back())).ok());
  }
  return all;
}

Rounds DrawAll(const CorrelatedNoiseOptions& options, uint64_t seed) {
  InsecureSeededRng rng(seed);
  auto noise = CorrelatedNoise::Create(options, rng);
  EXPECT_TRUE(noise.ok()) << noise.status();
  return DrawAll(**noise, options.num_rounds, options.length);
}

// Of values that have a mean of 0.
double Product(const std::vector<int64_t>& a, const std::vector<int64_t>& b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) {
    sum += static_cast<double>(a[i]) * static_cast<double>(b[i]);
  }
  return sum / static_cast<double>(a.size()) / kSigma / kSigma;
}

TEST(CorrelatedNoiseTest, TreesHaveThePublishedVariances) {
  SHOAL_SKIP_WITHOUT(File("tree_noise_variance"));
  const ReferenceTable table(File("tree_noise_variance"));
  for (const bool reduce : {false, true}) {
    const Rounds rounds =
        DrawAll(Options(TreeMatrix{.reduce_variance = reduce}, 64), 1);
    const std::string kind = reduce ? "honaker" : "vanilla";
    std::vector<int64_t> prefix(kLength);
    for (const ReferenceRow& row : table.rows()) {
      const std::vector<int64_t>& noise = rounds[row.integer("t") - 1];
      for (int64_t i = 0; i < kLength; ++i) prefix[i] += noise[i];
      const double of_prefix = row.number("var_prefix_" + kind);
      const double of_round = row.number("var_residual_" + kind);
      EXPECT_NEAR(Product(prefix, prefix), of_prefix,
                  kVarianceError * of_prefix)
          << row.ToString();
      EXPECT_NEAR(Product(noise, noise), of_round, kVarianceError * of_round)
          << row.ToString();
    }
  }
}

TEST(CorrelatedNoiseTest, RestartedTreesAreIndependent) {
  const Rounds rounds = DrawAll(Options(TreeMatrix{.restart_every = 4}, 8), 2);
  for (int t = 0; t < 4; ++t) {
    for (int u = 4; u < 8; ++u) {
      EXPECT_NEAR(Product(rounds[t], rounds[u]), 0, 3 * kVarianceError);
    }
  }
  // A new tree begins with the noise of a leaf.
  EXPECT_NEAR(Product(rounds[4], rounds[4]), 1, kVarianceError);
}

// C v is z: fresh noise in every round.
TEST(CorrelatedNoiseTest, ToeplitzNoiseIsTheInverseOfTheMatrix) {
  for (const NoiseMatrix& matrix : Matrices()) {
    if (std::holds_alternative<TreeMatrix>(matrix)) continue;
    constexpr int64_t kRounds = 12;
    const CorrelatedNoiseOptions options = Options(matrix, kRounds);
    InsecureSeededRng rng(3);
    auto noise = CorrelatedNoise::Create(options, rng);
    SHOAL_ASSERT_OK(noise);
    const std::vector<double> column = (*noise)->column();
    const Rounds rounds = DrawAll(**noise, kRounds, kLength);
    Rounds fresh;
    for (int64_t t = 0; t < kRounds; ++t) {
      fresh.emplace_back(kLength);
      for (int64_t i = 0; i < kLength; ++i) {
        double sum = 0;
        for (int64_t k = 0; k <= t; ++k) {
          if (k < static_cast<int64_t>(column.size())) {
            sum += column[k] * static_cast<double>(rounds[t - k][i]);
          }
        }
        fresh[t][i] = std::llround(sum);
      }
    }
    for (int64_t t = 0; t < kRounds; ++t) {
      EXPECT_NEAR(Product(fresh[t], fresh[t]), 1, kVarianceError);
      for (int64_t u = 0; u < t; ++u) {
        EXPECT_NEAR(Product(fresh[t], fresh[u]), 0, kVarianceError);
      }
    }
  }
}

TEST(CorrelatedNoiseTest, BuffersHaveTheErrorOfTheirMatrix) {
  SHOAL_SKIP_WITHOUT(File("blt"));
  const BufferedMatrix matrix = {*OptimisedBuffers(3, {64, 64, 1})};
  const Rounds rounds = DrawAll(Options(matrix, 64), 4);
  std::vector<int64_t> prefix(kLength);
  for (const auto& noise : rounds) {
    for (int64_t i = 0; i < kLength; ++i) prefix[i] += noise[i];
  }
  const auto column = BufferedColumn(matrix.buffers, 64);
  SHOAL_ASSERT_OK(column);
  const double expected = ToeplitzPrefixError(*column, 64).largest_squared;
  EXPECT_NEAR(Product(prefix, prefix), expected, kVarianceError * expected);
}

// Of a coordinate bound of 2^20 steps, a million values and 2000 rounds.
TEST(CorrelatedNoiseTest, RoundingOfBuffersAddsNearlyNothing) {
  for (const NoiseMatrix& matrix : Matrices()) {
    CorrelatedNoiseOptions options = Options(matrix, 2000, 1'000'000);
    options.sigma = 0x1p20;
    options.length = 1000;  // grows with its root
    InsecureSeededRng rng(5);
    const auto noise = CorrelatedNoise::Create(options, rng);
    SHOAL_ASSERT_OK(noise);
    EXPECT_LT((*noise)->rounding_sensitivity() * std::sqrt(1000),
              0x1p20 * 1e-6);
  }
}

TEST(CorrelatedNoiseTest, GoesOnFromTheStateOfEveryRound) {
  constexpr int64_t kRounds = 9;
  for (const NoiseMatrix& matrix : Matrices()) {
    const CorrelatedNoiseOptions options = Options(matrix, kRounds, 5);
    const Rounds expected = DrawAll(options, 6);
    InsecureSeededRng rng(6);
    auto noise = CorrelatedNoise::Create(options, rng);
    SHOAL_ASSERT_OK(noise);
    std::vector<int64_t> values(5);
    for (int64_t t = 0; t < kRounds; ++t) {
      // A new process for every round.
      noise = CorrelatedNoise::Restore(options, (*noise)->Serialize().Reveal());
      SHOAL_ASSERT_OK(noise);
      EXPECT_EQ((*noise)->rounds_drawn(), t);
      SHOAL_ASSERT_OK((*noise)->Next(absl::MakeSpan(values)));
      EXPECT_EQ(values, expected[t]);
    }
    EXPECT_THAT((*noise)->Next(absl::MakeSpan(values)),
                StatusIs(absl::StatusCode::kResourceExhausted));
  }
}

// Vanilla trees show the noise of single nodes: leaf t is in the prefixes t and
// t - 1 of odd t alone. None is drawn twice, in one mechanism or in two.
TEST(CorrelatedNoiseTest, NoNoiseIsUsedTwice) {
  std::set<std::vector<int64_t>> seen;
  size_t drawn = 0;
  for (const uint64_t seed : {7, 8}) {
    const Rounds rounds = DrawAll(
        Options(TreeMatrix{.restart_every = 8, .reduce_variance = false}, 64,
                20),
        seed);
    std::vector<int64_t> prefix;
    for (size_t t = 0; t < rounds.size(); ++t) {
      if (t % 8 == 0) prefix.assign(20, 0);
      for (size_t i = 0; i < prefix.size(); ++i) prefix[i] += rounds[t][i];
      if (t % 2 == 0) seen.insert(rounds[t]);  // a leaf
      // One node alone is the prefix of 1, 2, 4 and 8 rounds.
      const size_t in_tree = t % 8 + 1;
      if (in_tree == 2 || in_tree == 4 || in_tree == 8) seen.insert(prefix);
      drawn += (t % 2 == 0) + (in_tree == 2 || in_tree == 4 || in_tree == 8);
    }
  }
  EXPECT_EQ(seen.size(), drawn);
}

TEST(CorrelatedNoiseTest, StatesThatAreNotItsOwnAreRefused) {
  const CorrelatedNoiseOptions options = Options(TreeMatrix{}, 4, 3);
  InsecureSeededRng rng(9);
  const auto noise = CorrelatedNoise::Create(options, rng);
  SHOAL_ASSERT_OK(noise);
  const std::string state((*noise)->Serialize().Reveal());
  for (size_t size = 0; size < state.size(); ++size) {
    EXPECT_THAT(CorrelatedNoise::Restore(options, state.substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss));
  }
  std::string later = state;
  later[0] = 2;
  EXPECT_THAT(CorrelatedNoise::Restore(options, later),
              StatusIs(absl::StatusCode::kUnimplemented));
  CorrelatedNoiseOptions other = options;
  other.sigma *= 2;
  EXPECT_THAT(
      CorrelatedNoise::Restore(other, state),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("other options")));
  other = options;
  other.matrix = TreeMatrix{.reduce_variance = false};
  EXPECT_FALSE(CorrelatedNoise::Restore(other, state).ok());
  std::string beyond = state;
  beyond[4 + 32] = 5;  // rounds
  EXPECT_THAT(CorrelatedNoise::Restore(options, beyond),
              StatusIs(absl::StatusCode::kDataLoss));
}

TEST(CorrelatedNoiseTest, OptionsOutOfRangeAreRefused) {
  const auto refused = [](const CorrelatedNoiseOptions& options) {
    InsecureSeededRng rng(10);
    EXPECT_THAT(CorrelatedNoise::Create(options, rng),
                StatusIs(absl::StatusCode::kInvalidArgument));
  };
  refused(Options(TreeMatrix{}, 0));
  refused(Options(TreeMatrix{}, 4, 0));
  refused(Options(TreeMatrix{.restart_every = -1}, 4));
  refused(Options(BandedMatrix{}, 4));
  refused(Options(BandedMatrix{{2, 1}}, 4));
  refused(Options(BandedMatrix{{1, 0.5, 0.6}}, 4));
  refused(Options(BandedMatrix{{1, -0.1}}, 4));
  refused(Options(BufferedMatrix{{{1}, {0.5}}}, 4));
  refused(Options(BufferedMatrix{{{0.5}, {}}}, 4));
  refused(Options(BufferedMatrix{}, 4));
  CorrelatedNoiseOptions options = Options(TreeMatrix{}, 4);
  options.sigma = 0.5;
  refused(options);
  options.sigma = NAN;
  refused(options);
}

}  // namespace
}  // namespace shoal::privacy
