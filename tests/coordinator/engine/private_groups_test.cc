// Differential privacy of sums that groups of secure aggregation have masked.
#include <cmath>
#include <vector>

#include "privacy/differential_privacy/clipping.h"
#include "privacy/secure_aggregation/totals.h"
#include "tests/coordinator/engine/round_groups_fixture.h"

namespace shoal::coordinator {
namespace {

using secure_aggregation::EncodeTotals;
using secure_aggregation::RingVector;

configuration::Task PrivateGroups(
    configuration::DifferentialPrivacy::Noise noise, int devices) {
  configuration::Task task = SecureTask(devices);
  task.rounds = 1;
  task.round.weighting = configuration::Weighting::kUniform;
  task.update_limits = {};
  configuration::DifferentialPrivacy privacy;
  privacy.noise = noise;
  // As little as a budget allows: a standard deviation of 0.004 in the mean.
  privacy.noise_multiplier = 0.03;
  privacy.clip_norm = 1;
  privacy.epsilon = 1000;
  privacy.delta = 1e-5;
  task.differential_privacy = privacy;
  return task;
}

class PrivateGroupsTest : public RoundGroupsFixture,
                          public ::testing::WithParamInterface<
                              configuration::DifferentialPrivacy::Noise> {
 protected:
  // Of the clipped values, over the planned cohort of eight.
  void ExpectClippedMeanOf(const std::vector<int>& devices) {
    std::vector<double> mean(kParameters);
    for (const int i : devices) {
      std::vector<float> values = Values(i);
      EXPECT_GT(*privacy::ClipL2(absl::MakeSpan(values), 1), 1);
      for (int k = 0; k < kParameters; ++k) mean[k] += values[k] / 8;
    }
    const std::vector<float> model = Model();
    for (int k = 0; k < kParameters; ++k) {
      EXPECT_NEAR(model[k] - initial_[k], mean[k], 0.025) << k;
    }
  }
  int64_t NumCharges() {
    return std::ssize(Require(memory_->ListCharges("population")));
  }
};

TEST_P(PrivateGroupsTest, TheSumIsThatOfClippedUpdatesOverThePlannedCohort) {
  Begin(PrivateGroups(GetParam(), 8));
  Train(8);
  RunToEnd();
  ASSERT_EQ(First().state, RoundState::kCommitted) << First().failure;
  ExpectClippedMeanOf(AllBut(8, {}));
  EXPECT_EQ(NumCharges(), 1);
  EXPECT_EQ(First().total_examples, 0);
  EXPECT_EQ(First().median_norm, 0);
}

TEST_P(PrivateGroupsTest, WhoeverLeavesIsNotInTheSumAndDividesItAllTheSame) {
  Begin(PrivateGroups(GetParam(), 8));
  Train(8, {{3, GroupStep::kMask}});
  RunToEnd();
  ASSERT_EQ(First().state, RoundState::kCommitted) << First().failure;
  ExpectClippedMeanOf(AllBut(8, {3}));
}

TEST_P(PrivateGroupsTest, RestartsInBetweenChargeOnce) {
  restart_after_ = 1;
  Begin(PrivateGroups(GetParam(), 8));
  Train(8);
  RunToEnd();
  ASSERT_EQ(First().state, RoundState::kCommitted) << First().failure;
  ExpectClippedMeanOf(AllBut(8, {}));
  EXPECT_EQ(NumCharges(), 1);
}

class AdaptiveGroupsTest : public PrivateGroupsTest {
 protected:
  // After a round of forty devices whose updates have norms from 1.6 to 1.8,
  // one of which adds to its vote.
  double ClipNormAfter(double clip_norm, int64_t lie = 0) {
    configuration::Task task = PrivateGroups(GetParam(), 40);
    task.rounds = 2;
    task.differential_privacy->noise_multiplier = 1;
    task.differential_privacy->clip_norm = clip_norm;
    // With noise of 1.33 on the number of those who were not clipped, a round
    // moves the logarithm by 5, give or take 0.33.
    task.differential_privacy->adaptive_clip = configuration::AdaptiveClipping{
        .learning_rate = 10, .count_stddev = 1.33};
    Begin(task);
    EXPECT_EQ(Round().norm_bound, clip_norm);
    Train(40);
    devices_[0]->ChangeVectors([lie](std::vector<RingVector>& vectors) {
      RingVector& totals = vectors[1];
      const RingVector added = Require(EncodeTotals({0, lie, 0, 0, 0, 0}));
      for (int64_t i = 0; i < totals.length(); ++i) {
        totals.Set(i, totals.Get(i) + added.Get(i));
      }
    });
    RunToEnd();
    EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
    Advance();
    EXPECT_EQ(Round().id, 2);
    return Round().norm_bound;
  }
};

TEST_P(AdaptiveGroupsTest, UpdatesThatWereShortenedRaiseTheClipNorm) {
  EXPECT_NEAR(std::log(ClipNormAfter(1)), 5, 2.3);
}

TEST_P(AdaptiveGroupsTest, UpdatesThatWereNotLowerIt) {
  EXPECT_NEAR(std::log(ClipNormAfter(100) / 100), -5, 2.3);
}

TEST_P(AdaptiveGroupsTest, NobodyHasMoreVotesThanAllHave) {
  constexpr int64_t kMany = 1'000'000'000;
  EXPECT_NEAR(std::log(ClipNormAfter(1, kMany)), -5, 2.3);
}

INSTANTIATE_TEST_SUITE_P(Noises, AdaptiveGroupsTest,
                         ::testing::Values(configuration::CentralNoise{}),
                         [](const auto& info) {
                           return configuration::NoiseName(info.param);
                         });

INSTANTIATE_TEST_SUITE_P(Noises, PrivateGroupsTest,
                         ::testing::Values(configuration::CentralNoise{},
                                           configuration::DistributedNoise{},
                                           configuration::TreeNoise{},
                                           configuration::BandedNoise{},
                                           configuration::BltNoise{}),
                         [](const auto& info) {
                           return configuration::NoiseName(info.param);
                         });

}  // namespace
}  // namespace shoal::coordinator
