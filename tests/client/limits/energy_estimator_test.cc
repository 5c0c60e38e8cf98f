#include "client/limits/energy_estimator.h"

#include <limits>

#include "base/random.h"
#include "client/limits/learned_costs.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::testing::DoubleNear;
using testing::StatusIs;

// What the device really takes: far from the defaults.
constexpr EnergyCoefficients kTruth = {12, 0.5, 0.8, 0.2, 1.5};

// Fetching, training or sending, at random.
Work RandomStretch(SeededRng& rng) {
  switch (rng.Below(3)) {
    case 0:
      return {1, 1e6 * (0.1 + rng.Uniform()), 1e3, 0, 1 + rng.Uniform()};
    case 1:
      return {0, 0, 0, 1e9 * (1 + 9 * rng.Uniform()), 2 + 8 * rng.Uniform()};
    default:
      return {0, 1e3, 1e6 * (0.1 + rng.Uniform()), 0, 1 + rng.Uniform()};
  }
}

TEST(EnergyModelTest, AddsUpItsTerms) {
  const Work work = {2, 3e6, 4e6, 5e9, 6};
  EXPECT_DOUBLE_EQ(Joules({10, 1, 2, 3, 4}, work),
                   20 + 3 * 1 + 4 * 2 + 5 * 3 + 6 * 4);
}

TEST(EnergyEstimatorTest, BelievesItsStartUntilItSeesSomething) {
  const EnergyEstimator estimator(EnergyCoefficients{});
  EXPECT_EQ(estimator.coefficients(), EnergyCoefficients());
  EXPECT_EQ(estimator.relative_error_p90(), std::nullopt);
  EXPECT_DOUBLE_EQ(estimator.PredictP90({1, 0, 0, 0, 0}), 1.5);
}

TEST(EnergyEstimatorTest, FindsExactCostsFromExactMeasurements) {
  EnergyEstimator estimator(EnergyCoefficients{});
  SeededRng rng(1);
  for (int i = 0; i < 400; ++i) {
    const Work work = RandomStretch(rng);
    estimator.Observe(work, Joules(kTruth, work));
  }
  const EnergyVector found = AsVector(estimator.coefficients());
  const EnergyVector truth = AsVector(kTruth);
  for (size_t i = 0; i < kNumCoefficients; ++i) {
    EXPECT_THAT(found[i], DoubleNear(truth[i], 0.05 * truth[i])) << i;
  }
  ASSERT_TRUE(estimator.relative_error_p90().has_value());
  EXPECT_LT(*estimator.relative_error_p90(), 0.01);
}

TEST(EnergyEstimatorTest, ErrorIsThatOfItsPredictions) {
  EnergyEstimator estimator(EnergyCoefficients{});
  SeededRng rng(2);
  int above = 0;
  for (int i = 0; i < 1000; ++i) {
    const Work work = RandomStretch(rng);
    // Uniform noise of ±30 %: the 90th percentile of its size is 27 %.
    const double joules = Joules(kTruth, work) * (0.7 + 0.6 * rng.Uniform());
    if (i >= 100 && joules > estimator.PredictP90(work)) ++above;
    estimator.Observe(work, joules);
  }
  EXPECT_THAT(*estimator.relative_error_p90(), DoubleNear(0.27, 0.06));
  // One in ten of 900, within 5 standard deviations of 9 and what 64
  // remembered ratios leave open.
  EXPECT_NEAR(above, 90, 60);
}

TEST(EnergyEstimatorTest, FollowsADeviceThatChanges) {
  EnergyEstimator estimator(EnergyCoefficients{});
  SeededRng rng(3);
  EnergyCoefficients now = kTruth;
  for (int i = 0; i < 1200; ++i) {
    if (i == 600) now.joules_per_gigaflop = 3;
    const Work work = RandomStretch(rng);
    estimator.Observe(work, Joules(now, work));
  }
  EXPECT_THAT(estimator.coefficients().joules_per_gigaflop,
              DoubleNear(3, 0.15));
}

TEST(EnergyEstimatorTest, NoCoefficientIsEverNegative) {
  EnergyEstimator estimator(EnergyCoefficients{});
  SeededRng rng(4);
  for (int i = 0; i < 500; ++i) {
    // Unrelated to the work.
    estimator.Observe(RandomStretch(rng), 0.01 + 100 * rng.Uniform());
    for (const double value : AsVector(estimator.coefficients())) {
      ASSERT_GE(value, 0);
    }
  }
}

TEST(EnergyEstimatorTest, NonsenseIsPassedOver) {
  EnergyEstimator estimator(EnergyCoefficients{});
  estimator.Observe({1, 0, 0, 0, 0}, -1);
  estimator.Observe({1, 0, 0, 0, 0}, 0);
  estimator.Observe({1, 0, 0, 0, 0}, std::numeric_limits<double>::infinity());
  EXPECT_EQ(estimator.num_observations(), 0);
}

TEST(EnergyEstimatorTest, SurvivesARestart) {
  EnergyEstimator estimator(EnergyCoefficients{});
  SeededRng rng(5);
  for (int i = 0; i < 100; ++i) {
    const Work work = RandomStretch(rng);
    estimator.Observe(work, Joules(kTruth, work));
  }
  EnergyEstimator other(EnergyCoefficients{});
  SHOAL_ASSERT_OK(other.Restore(estimator.Serialize()));
  const Work work = RandomStretch(rng);
  EXPECT_EQ(other.PredictP90(work), estimator.PredictP90(work));
  estimator.Observe(work, 7);
  other.Observe(work, 7);
  EXPECT_EQ(other.Serialize(), estimator.Serialize());
}

TEST(EnergyEstimatorTest, BytesOfAnotherKindAreRefused) {
  EnergyEstimator estimator(EnergyCoefficients{});
  const std::string bytes = estimator.Serialize();
  EXPECT_THAT(EnergyEstimator(kTruth).Restore(bytes),
              StatusIs(absl::StatusCode::kDataLoss));
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_THAT(estimator.Restore(bytes.substr(0, size)),
                StatusIs(absl::StatusCode::kDataLoss));
  }
}

TEST(WorkPaceTest, LearnsFromWorkOfOneKind) {
  WorkPace pace;
  for (int i = 0; i < 100; ++i) {
    pace.Observe({0, 0, 0, 8e9, 2});           // 4 GFLOP/s
    pace.Observe({1, 4e6, 1e6, 0, 0.5 + 10});  // 0.5 MB/s and a connection
    pace.Observe({1, 4e6, 1e6, 8e9, 1000});    // of both kinds
  }
  EXPECT_NEAR(absl::ToDoubleSeconds(pace.Predict({0, 0, 0, 4e9, 0})), 1, 0.01);
  EXPECT_NEAR(absl::ToDoubleSeconds(pace.Predict({2, 5e5, 0, 0, 0})), 2, 0.01);
}

TEST(LearnedCostsTest, SurviveARestartUnlessTheStartIsAnother) {
  MemoryRecord record;
  LearnedCosts costs = LearnedCosts::Load({}, record);
  costs.energy.Observe({0, 0, 0, 1e9, 1}, 5);
  costs.pace.Observe({0, 0, 0, 1e9, 1});
  SHOAL_ASSERT_OK(costs.Save(record));
  const LearnedCosts again = LearnedCosts::Load({}, record);
  EXPECT_EQ(again.energy.Serialize(), costs.energy.Serialize());
  EXPECT_EQ(again.pace.Serialize(), costs.pace.Serialize());
  EXPECT_EQ(LearnedCosts::Load(kTruth, record).energy.num_observations(), 0);
}

}  // namespace
}  // namespace shoal::client
