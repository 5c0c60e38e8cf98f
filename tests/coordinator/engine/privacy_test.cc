// Rounds of tasks with differential privacy: noisy sums, and what devices are
// asked for.
#include <limits>
#include <string>
#include <vector>

#include "coordinator/engine/round_engine.h"
#include "coordinator/engine/task_setup.h"
#include "tests/coordinator/engine/privacy_fixture.h"

namespace shoal::coordinator {
namespace {

using configuration::BandedNoise;
using configuration::BltNoise;
using configuration::CentralNoise;
using configuration::DifferentialPrivacy;
using configuration::LocalNoise;
using configuration::TreeNoise;
using ::shoal::testing::StoreFault;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

// A single round with as little noise as a budget allows: a standard deviation
// of 0.015 in the mean over a cohort of two.
configuration::Task NearlyExact(DifferentialPrivacy::Noise noise) {
  configuration::Task task = PrivateTask(noise, 0.03);
  task.rounds = 1;
  return task;
}
constexpr double kSixSigma = 0.09;

class EveryNoiseTest
    : public PrivacyTest,
      public ::testing::WithParamInterface<DifferentialPrivacy::Noise> {};

TEST_P(EveryNoiseTest, UpdatesAreClippedAndDividedByThePlannedCohort) {
  CreateTask(NearlyExact(GetParam()));
  // Norms 5, and 0.5; the cohort is two.
  RunRound({3, 4}, {0, 0, 0.5});
  EXPECT_EQ(TaskNamed().rounds_committed, 1);
  const std::vector<float> model = Model();
  EXPECT_NEAR(model[0], 0.3, kSixSigma);
  EXPECT_NEAR(model[1], 0.4, kSixSigma);
  EXPECT_NEAR(model[2], 0.25, kSixSigma);
  EXPECT_NEAR(model[3], 0, kSixSigma);
  EXPECT_NE(model[3], 0);  // noise it is
}

TEST_P(EveryNoiseTest, ADeviceMoreDividesByNoMore) {
  CreateTask(NearlyExact(GetParam()));
  const std::string tokens[] = {Assign(1).token, Assign(2).token,
                                Assign(3).token};
  for (int i = 0; i < 3; ++i) Require(Send(i + 1, tokens[i], Update({1})));
  Advance();
  EXPECT_NEAR(Model()[0], 1.5, kSixSigma);
}

TEST_P(EveryNoiseTest, WhatIsNotANumberIsZeros) {
  CreateTask(NearlyExact(GetParam()));
  RunRound({std::numeric_limits<float>::quiet_NaN(), 1},
           {0, std::numeric_limits<float>::infinity()});
  EXPECT_EQ(TaskNamed().rounds_committed, 1);
  for (const float value : Model()) EXPECT_NEAR(value, 0, kSixSigma);
}

TEST_P(EveryNoiseTest, NothingOfDevicesLeavesButTheSum) {
  CreateTask(PrivateTask(GetParam()));
  RunRound({3, 4}, {7});
  const RoundRow round = Require(memory_->GetRound(1));
  EXPECT_EQ(round.state, RoundState::kCommitted);
  EXPECT_EQ(round.total_examples, 0);
  EXPECT_FALSE(round.train_loss.has_value());
  EXPECT_FALSE(round.train_accuracy.has_value());
  EXPECT_EQ(round.median_norm, 0);
  for (const ContributionRow& row :
       Require(memory_->ListContributions(round.id))) {
    EXPECT_EQ(row.norm, 0);
  }
}

TEST_P(EveryNoiseTest, ARestartAtAnyStepSpendsOnceAndReleasesOnce) {
  for (const char* step : {"CommitSegment", "SealRound", "ListCharges",
                           "CommitRound", "OpenRound", "GetMechanismState"}) {
    SCOPED_TRACE(step);
    const auto memory = MakeMemoryStore();
    testing::FaultyStore store(*memory);
    const auto make = [&] {
      return Require(
          RoundEngine::Create(options_, {store, *spool_, rng_, log_}, now_));
    };
    engine_ = make();
    configuration::Task task = PrivateTask(GetParam());
    auto* banded = std::get_if<BandedNoise>(&task.differential_privacy->noise);
    if (banded != nullptr) banded->bands = 3;
    CreateTask(task);
    for (int round = 0; round < 3; ++round) {
      const std::string tokens[] = {Assign(1).token, Assign(2).token};
      bool dead = false;
      store.SetFaults([&, dead](absl::string_view called) mutable {
        dead = dead || called == step;
        return dead ? StoreFault::kBefore : StoreFault::kNone;
      });
      for (int i = 0; i < 2; ++i) {
        (void)Send(i + 1, tokens[i], Update({1}));
      }
      Advance();
      store.SetFaults(nullptr);
      engine_ = make();
      Advance();
      if (Require(memory->GetTask("task")).rounds_committed == round) {
        for (int i = 0; i < 2; ++i) {
          Require(Send(i + 1, tokens[i], Update({1})));
        }
        Advance();
      }
      ASSERT_EQ(Require(memory->GetTask("task")).rounds_committed, round + 1);
    }
    const bool fresh = std::holds_alternative<CentralNoise>(GetParam());
    EXPECT_THAT(Require(memory->ListCharges("population")),
                SizeIs(fresh ? 3 : 1));
    engine_.reset();
  }
}

// Noise that devices add is in their updates: to these the engine adds none.
TEST_F(PrivacyTest, LocalNoiseIsTheDevicesOwn) {
  CreateTask(PrivateTask(LocalNoise{}));
  const protocol::Assignment first = Assign(1);
  const protocol::Assignment second = Assign(2);
  EXPECT_EQ(first.plan.norm_bound, 1);
  ASSERT_TRUE(first.plan.device_noise.has_value());
  EXPECT_EQ(*first.plan.device_noise,
            (protocol::DeviceNoise{protocol::DeviceNoise::Kind::kLocal, 2}));
  // Longer than the clip norm, as noise makes them.
  Require(Send(1, first.token, Update({3, 4})));
  Require(Send(2, second.token, Update({1, 0})));
  Advance();
  const std::vector<float> model = Model();
  EXPECT_NEAR(model[0], 2, 1e-6);
  EXPECT_NEAR(model[1], 2, 1e-6);
  EXPECT_THAT(Charges(), SizeIs(1));
  RunRound();
  EXPECT_THAT(Charges(), SizeIs(2));
}

// Of a round whose updates were seen, and whose devices may be asked again.
TEST_F(PrivacyTest, ASealedRoundOfNoisyUpdatesThatFailsIsPaidFor) {
  configuration::Task task = PrivateTask(LocalNoise{});
  task.round.min_separation = 3;
  CreateTask(task);
  RunRound(1, 2);
  ASSERT_THAT(Charges(), SizeIs(1));
  // The second round of the same block is sealed, and fails.
  bool dead = false;
  store_.SetFaults([&](absl::string_view called) {
    dead = dead || called == "CommitRound";
    return dead ? StoreFault::kBefore : StoreFault::kNone;
  });
  RunRound(3, 4);
  store_.SetFaults(nullptr);
  ASSERT_EQ(Round().state, RoundState::kSealed);
  EXPECT_THAT(Charges(), SizeIs(1));
  const Lease lease = Require(memory_->AcquireLease(
      "task", options_.replica, now_, options_.lease_duration));
  SHOAL_ASSERT_OK(memory_->FailRound(lease, Round().id, "corrupt_rows", now_));
  Restart();
  Pass(absl::Minutes(10));
  Advance();
  RunRound(3, 4);
  EXPECT_EQ(TaskNamed().rounds_committed, 2);
  EXPECT_THAT(Charges(), SizeIs(2));
  RunRound(5, 6);
  EXPECT_THAT(Charges(), SizeIs(2));
}

TEST_F(PrivacyTest, NoLocalNoiseMakesAnUpdateLongWithoutBound) {
  CreateTask(PrivateTask(LocalNoise{}));
  const double bound = Round().norm_bound;
  EXPECT_GT(bound, 10);
  EXPECT_LT(bound, 30);  // a few values with noise of two
  RunRound({3000, 4000}, {0});
  EXPECT_NEAR(Model()[0], 0.6 * bound / 2, 1e-3);
  EXPECT_NEAR(Model()[1], 0.8 * bound / 2, 1e-3);
}

TEST_F(PrivacyTest, WhoAddsNoNoiseGetsNoPlanThatAsksForIt) {
  configuration::Task task = PrivateTask(LocalNoise{});
  CreateTask(task);
  protocol::CheckIn old = Hello();
  old.private_updates = false;
  const auto answer = Require(engine().CheckIn(Device(1), old, now_));
  const auto* wait = std::get_if<protocol::RetryAfter>(&answer.answer);
  ASSERT_NE(wait, nullptr);
  EXPECT_THAT(wait->sentence, HasSubstr("update its SDK"));
}

TEST_F(PrivacyTest, PlansSayThatTensorsAreClippedByThemselves) {
  configuration::Task task = PrivateTask(CentralNoise{});
  EXPECT_FALSE(AsksForPrivateUpdates(task));
  task.differential_privacy->clip_layers = true;
  CreateTask(task);
  EXPECT_TRUE(AsksForPrivateUpdates(task));
  EXPECT_TRUE(Assign(1).plan.clip_layers);
}

INSTANTIATE_TEST_SUITE_P(Noises, EveryNoiseTest,
                         ::testing::Values(CentralNoise{}, TreeNoise{},
                                           BandedNoise{}, BltNoise{}),
                         [](const auto& info) {
                           return configuration::NoiseName(info.param);
                         });
TEST_F(PrivacyTest, SeparationCountsTheTasksOwnRounds) {
  configuration::Task task = PrivateTask(CentralNoise{});
  task.round.min_separation = 2;
  CreateTask(task);
  RunRound(1, 2);
  SHOAL_ASSERT_OK(engine().SetTaskState("task", TaskState::kPaused, now_));
  task.name = "other";
  CreateTask(task);
  RunRound(3, 4);
  RunRound(5, 6);
  SHOAL_ASSERT_OK(engine().SetTaskState("other", TaskState::kPaused, now_));
  SHOAL_ASSERT_OK(engine().SetTaskState("task", TaskState::kActive, now_));
  Advance();
  // Three rounds of the population are over, but of the task only the device's.
  EXPECT_EQ(Wait(1).code, "min_separation");
  RunRound(7, 8);
  Assign(1);
}

TEST_F(PrivacyTest, ZerosHaveNoVoteOnTheClipNorm) {
  configuration::Task task = PrivateTask(CentralNoise{}, 2);
  task.differential_privacy->adaptive_clip =
      configuration::AdaptiveClipping{.count_stddev = 1.4};
  task.rounds = 2;
  CreateTask(task);
  const auto votes = [this](int64_t round) {
    std::vector<double> votes;
    for (const auto& row : Require(memory_->ListContributions(round))) {
      votes.push_back(row.norm);
    }
    return votes;
  };
  RunRound({0, 0, 0}, {0, 0.5, 0});
  EXPECT_THAT(votes(1), UnorderedElementsAre(0, 1));
  RunRound({std::numeric_limits<float>::quiet_NaN(), 0, 0}, {0, 0, 100});
  EXPECT_THAT(votes(2), UnorderedElementsAre(0, -1));
}

TEST_F(PrivacyTest, AnAdaptiveClipNormIsThatOfTheRoundsPlans) {
  configuration::Task task = PrivateTask(CentralNoise{}, 2);
  // 40 rounds move its logarithm by 4, give or take 0.9.
  task.differential_privacy->adaptive_clip =
      configuration::AdaptiveClipping{.count_stddev = 1.4};
  task.rounds = 100;
  CreateTask(task);
  EXPECT_EQ(Round().norm_bound, 1);
  for (int round = 0; round < 40; ++round) RunRound({0, 0, 100}, {0, 50});
  EXPECT_GT(Round().norm_bound, 1.3);
}

}  // namespace
}  // namespace shoal::coordinator
