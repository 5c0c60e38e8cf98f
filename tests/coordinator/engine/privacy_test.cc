// Rounds of tasks with differential privacy: the ledger, and noisy sums.
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <set>
#include <string>

#include "base/file.h"
#include "coordinator/engine/privacy_report.h"
#include "coordinator/engine/round_engine.h"
#include "coordinator/engine/task_setup.h"
#include "coordinator/store/sqlite_store.h"
#include "privacy/accounting/epsilon.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace shoal::coordinator {
namespace {

using configuration::BandedNoise;
using configuration::BltNoise;
using configuration::CentralNoise;
using configuration::DifferentialPrivacy;
using configuration::LocalNoise;
using configuration::TreeNoise;
using ::shoal::testing::StatusIs;
using ::shoal::testing::StoreFault;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

configuration::Task PrivateTask(DifferentialPrivacy::Noise noise,
                                double noise_multiplier = 2) {
  configuration::Task task = SmallTask();
  task.rounds = 6;
  task.round.weighting = configuration::Weighting::kUniform;
  DifferentialPrivacy privacy;
  privacy.noise = noise;
  privacy.noise_multiplier = noise_multiplier;
  privacy.clip_norm = 1;
  privacy.epsilon = 1000;
  privacy.delta = 1e-5;
  task.differential_privacy = privacy;
  return task;
}

// A single round with as little noise as a budget allows: a standard deviation
// of 0.015 in the mean over a cohort of two.
configuration::Task NearlyExact(DifferentialPrivacy::Noise noise) {
  configuration::Task task = PrivateTask(noise, 0.03);
  task.rounds = 1;
  return task;
}
constexpr double kSixSigma = 0.09;

class PrivacyTest : public EngineTest {
 protected:
  using EngineTest::EngineTest;

  std::vector<ChargeRow> Charges() {
    return Require(memory_->ListCharges("population"));
  }
  // One whole round, of two devices.
  void RunRound(int first = 1, int second = 2) {
    RunRound(first, second, {1}, {1});
  }
  void RunRound(const std::vector<float>& first,
                const std::vector<float>& second) {
    RunRound(1, 2, first, second);
  }
  void RunRound(int first_device, int second_device,
                const std::vector<float>& first,
                const std::vector<float>& second) {
    const std::string one = Assign(first_device).token;
    const std::string other = Assign(second_device).token;
    Require(Send(first_device, one, Update(first)));
    Require(Send(second_device, other, Update(second)));
    Advance();
  }
  double SpentEpsilon() {
    const auto event = Require(EventOf(Charges()));
    return privacy::Epsilon(event, {privacy::kDeviceAddRemove, 1e-5})->upper;
  }
};

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

class DrawnRoundsTest : public PrivacyTest {
 protected:
  static configuration::Task DrawnTask(double rate, double multiplier = 2) {
    configuration::Task task = PrivateTask(CentralNoise{rate}, multiplier);
    task.round.drawn = true;
    task.round.min_reports = 0;
    task.rounds = 100;
    return task;
  }
  // Of the devices that check in, those that are assigned to the round.
  std::map<int, std::string> Tokens(int first, int last) {
    std::map<int, std::string> tokens;
    for (int i = first; i <= last; ++i) {
      const auto answer = Require(engine().CheckIn(Device(i), Hello(), now_));
      const auto* assigned = std::get_if<protocol::Assignment>(&answer.answer);
      if (assigned != nullptr) {
        tokens[i] = assigned->token;
        continue;
      }
      EXPECT_EQ(std::get<protocol::RetryAfter>(answer.answer).code,
                "not_drawn");
    }
    return tokens;
  }
  void EndRound() {
    Pass(DrawnTask(1).round.deadline);
    Advance();
  }
};

TEST_F(DrawnRoundsTest, TakeEveryDeviceWithItsProbabilityUntilTheDeadline) {
  CreateTask(DrawnTask(0.1));
  ASSERT_EQ(Round().state, RoundState::kCollecting);
  const auto tokens = Tokens(1, 150);
  // 15, give or take 3.7: six deviations. There are 46 places.
  EXPECT_GT(tokens.size(), 0);
  EXPECT_LT(tokens.size(), 38);
  for (const auto& [device, token] : tokens) {
    Require(Send(device, token, Update({1})));
  }
  Advance();
  // The cohort of two is there, and more may come.
  EXPECT_EQ(Round().state, RoundState::kCollecting);
  EXPECT_THAT(Charges(), SizeIs(0));
  EndRound();
  ASSERT_EQ(TaskNamed().rounds_committed, 1)
      << engine().LastError() << Require(memory_->GetRound(1)).failure;
  EXPECT_EQ(Require(memory_->GetRound(1)).accepted,
            static_cast<int>(tokens.size()));
  EXPECT_THAT(Charges(), SizeIs(1));
  // Others are drawn for the next.
  std::set<int> first;
  std::set<int> second;
  for (const auto& [device, token] : tokens) first.insert(device);
  for (const auto& [device, token] : Tokens(1, 150)) second.insert(device);
  EXPECT_NE(first, second);
}

TEST_F(DrawnRoundsTest, ARoundForWhichNobodyWasDrawnReleasesItsNoise) {
  CreateTask(DrawnTask(0.1));
  EndRound();
  ASSERT_EQ(TaskNamed().rounds_committed, 1)
      << engine().LastError() << Require(memory_->GetRound(1)).failure;
  EXPECT_EQ(Require(memory_->GetRound(1)).accepted, 0);
  EXPECT_THAT(Charges(), SizeIs(1));
  EXPECT_NE(Model()[0], 0);
}

TEST_F(DrawnRoundsTest, ARestartDrawsTheSameDevices) {
  CreateTask(DrawnTask(0.5));
  std::set<int> before;
  for (const auto& [device, token] : Tokens(1, 10)) before.insert(device);
  Restart();
  Advance();
  std::set<int> after;
  for (const auto& [device, token] : Tokens(1, 10)) after.insert(device);
  EXPECT_EQ(before, after);
  EXPECT_THAT(before, ::testing::Not(::testing::IsEmpty()));
}

TEST_F(DrawnRoundsTest, ARoundThatHadNoPlaceForADrawnDeviceFails) {
  configuration::Task task = DrawnTask(1);
  CreateTask(task);
  const int places = task.round.max_assigned();
  for (const auto& [device, token] : Tokens(1, places)) {
    Require(Send(device, token, Update({1})));
  }
  const auto answer =
      Require(engine().CheckIn(Device(places + 1), Hello(), now_));
  EXPECT_EQ(std::get<protocol::RetryAfter>(answer.answer).code, "round_full");
  EndRound();
  EXPECT_EQ(Require(memory_->GetRound(1)).failure, "overdrawn");
  EXPECT_EQ(TaskNamed().rounds_committed, 0);
  EXPECT_THAT(Charges(), SizeIs(0));
}

TEST_F(DrawnRoundsTest, AreChargedAsSampled) {
  CreateTask(DrawnTask(0.01, 1));
  EndRound();
  const double sampled = SpentEpsilon();
  EXPECT_GT(sampled, 0);
  // Once without sampling costs 4.4.
  EXPECT_LT(sampled, 1);
}

INSTANTIATE_TEST_SUITE_P(Noises, EveryNoiseTest,
                         ::testing::Values(CentralNoise{}, TreeNoise{},
                                           BandedNoise{}, BltNoise{}),
                         [](const auto& info) {
                           return configuration::NoiseName(info.param);
                         });

TEST_F(PrivacyTest, TheTaskStopsBeforeTheRoundThatWouldOverdraw) {
  configuration::Task task = PrivateTask(CentralNoise{}, 2);
  task.rounds = 100;
  task.differential_privacy->epsilon = 5;
  CreateTask(task);
  int rounds = 0;
  while (TaskNamed().state == TaskState::kActive && rounds < 100) {
    RunRound();
    ++rounds;
  }
  EXPECT_EQ(TaskNamed().state, TaskState::kStopped);
  EXPECT_THAT(TaskNamed().note,
              AllOf(HasSubstr("privacy budget of population 'population' is "
                              "spent: epsilon "),
                    HasSubstr(" of 5 at delta 1e-05; a further charge would "
                              "make it 5.")));
  EXPECT_THAT(Charges(), SizeIs(rounds));
  EXPECT_LE(SpentEpsilon(), 5);
  const auto charges = Charges();
  std::vector<ChargeRow> more = charges;
  more.push_back(charges[0]);
  EXPECT_GT(privacy::Epsilon(Require(EventOf(more)),
                             {privacy::kDeviceAddRemove, 1e-5})
                ->upper,
            5);
}

TEST_F(PrivacyTest, NoiseThatCannotBeDrawnIsRefusedBeforeThereIsATask) {
  configuration::Task task = PrivateTask(TreeNoise{}, 200);
  task.rounds = 1000;
  CreateTask(task);
  RunRound();
  EXPECT_EQ(TaskNamed().rounds_committed, 1);
  task.name = "louder";
  task.differential_privacy->noise_multiplier = 900;
  task.round.cohort = 1;  // whose grid is finer
  task.round.over_selection = 1;
  EXPECT_THAT(engine().CreateTask(task, "", now_),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("differential_privacy: correlated noise: "
                                 "sigma is ")));
}

TEST_F(PrivacyTest, ANoiseMultiplierIsCalibratedOnce) {
  configuration::Task task = PrivateTask(CentralNoise{});
  task.differential_privacy->noise_multiplier.reset();
  CreateTask(task);
  const auto stored = Require(configuration::ParseTask(TaskNamed().definition));
  const auto again = Require(MakeTaskSetup(task));
  EXPECT_EQ(stored.differential_privacy->noise_multiplier,
            again->privacy->noise.noise_multiplier);
}

// Another machine may find other buffers, and would take the stored noise for
// that of another task.
TEST_F(PrivacyTest, BuffersAreChosenOnce) {
  CreateTask(PrivateTask(BltNoise{2}));
  const auto stored = Require(configuration::ParseTask(TaskNamed().definition));
  const auto& blt = std::get<BltNoise>(stored.differential_privacy->noise);
  EXPECT_THAT(blt.decays, SizeIs(2));
  EXPECT_THAT(blt.scales, SizeIs(2));
  configuration::Task given = stored;
  std::get<BltNoise>(given.differential_privacy->noise).decays = {0.5, 0.25};
  const auto setup = Require(MakeTaskSetup(given));
  const auto& matrix = std::get<privacy::BufferedMatrix>(
      std::get<privacy::NoiseMatrix>(setup->privacy->noise.kind));
  EXPECT_THAT(matrix.buffers.buffer_decay, ElementsAre(0.5, 0.25));
  EXPECT_EQ(matrix.buffers.output_scale, blt.scales);
}

// The count's own noise allows multipliers of up to 2.8, which a search for
// 2.3 passes.
TEST_F(PrivacyTest, ANoisyCountLimitsNoCalibrationBelowIt) {
  configuration::Task task = PrivateTask(CentralNoise{});
  task.differential_privacy->adaptive_clip =
      configuration::AdaptiveClipping{.count_stddev = 1.4};
  task.differential_privacy->noise_multiplier.reset();
  task.differential_privacy->epsilon = 4.5;
  const auto setup = Require(MakeTaskSetup(task));
  EXPECT_GT(setup->privacy->noise.noise_multiplier, 2);
  EXPECT_LT(setup->privacy->noise.noise_multiplier, 2.8);
  task.differential_privacy->epsilon = 1;
  EXPECT_THAT(MakeTaskSetup(task),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("differential_privacy: ")));
}

TEST_F(PrivacyTest, WithoutANoiseMultiplierTheRoundsTakeAllOfTheBudget) {
  configuration::Task task = PrivateTask(CentralNoise{});
  task.differential_privacy->noise_multiplier.reset();
  task.differential_privacy->epsilon = 3;
  CreateTask(task);
  for (int round = 0; round < 6; ++round) RunRound();
  EXPECT_EQ(TaskNamed().state, TaskState::kCompleted);
  EXPECT_LE(SpentEpsilon(), 3);
  EXPECT_GT(SpentEpsilon(), 2.999);
}

TEST_F(PrivacyTest, TasksOfAPopulationShareItsBudget) {
  configuration::Task task = PrivateTask(CentralNoise{}, 2);
  task.differential_privacy->epsilon = 5;
  CreateTask(task);
  RunRound();
  const double one = SpentEpsilon();
  SHOAL_ASSERT_OK(engine().SetTaskState("task", TaskState::kStopped, now_));
  task.name = "second";
  CreateTask(task);
  RunRound();
  EXPECT_THAT(Charges(), SizeIs(2));
  EXPECT_GT(SpentEpsilon(), one);
  task.name = "third";
  task.differential_privacy->epsilon = 6;
  EXPECT_THAT(
      engine().CreateTask(task, "", now_),
      StatusIs(absl::StatusCode::kFailedPrecondition, HasSubstr("epsilon=5")));
  task.differential_privacy.reset();
  EXPECT_THAT(engine().CreateTask(task, "", now_),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST_F(PrivacyTest, ARoundWhoseChargeOthersHaveTakenFails) {
  configuration::Task task = PrivateTask(CentralNoise{}, 1);
  task.differential_privacy->epsilon = 5;  // one charge costs 4.4
  CreateTask(task);
  task.name = "second";
  CreateTask(task);
  // Both have opened a round, and two devices each.
  std::vector<protocol::Assignment> assigned;
  for (int i = 1; i <= 4; ++i) assigned.push_back(Assign(i));
  for (int i = 1; i <= 4; ++i) {
    Require(Send(i, assigned[i - 1].token, Update({1})));
  }
  Advance();
  ASSERT_THAT(Charges(), SizeIs(1));
  const std::string winner = Charges()[0].task;
  const std::string loser = winner == "task" ? "second" : "task";
  EXPECT_EQ(TaskNamed(winner).rounds_committed, 1);
  EXPECT_EQ(Round(loser).failure, "privacy_budget");
  EXPECT_EQ(TaskNamed(loser).rounds_committed, 0);
  Pass(absl::Minutes(10));
  Advance();
  EXPECT_EQ(TaskNamed(loser).state, TaskState::kStopped);
}

TEST_F(PrivacyTest, AChargeOfFreshNoisePaysForASeparation) {
  configuration::Task task = PrivateTask(CentralNoise{});
  task.round.min_separation = 3;
  CreateTask(task);
  for (int round = 0; round < 4; ++round) {
    const int first = 10 * round + 1;
    RunRound(first, first + 1);
    EXPECT_THAT(Charges(), SizeIs(round < 3 ? 1 : 2)) << round;
  }
}

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

TEST(RestoredPrivacyTest, ASealedRoundWithoutItsNoiseFails) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/shoal.db";
  const auto spool = MakeMemorySpool(1 << 20);
  testing::InsecureSeededRng rng(3);
  NullLogger log;
  absl::Time now = absl::FromUnixSeconds(1'700'000'000);
  auto database = Require(OpenSqliteStore(path));
  {
    testing::FaultyStore store(*database);
    auto engine =
        Require(RoundEngine::Create({}, {store, *spool, rng, log}, now));
    SHOAL_ASSERT_OK(engine->CreateTask(PrivateTask(CentralNoise{}), "", now));
    engine->Advance(now);
    bool dead = false;
    store.SetFaults([&, dead](absl::string_view called) mutable {
      dead = dead || called == "CommitRound";
      return dead ? StoreFault::kBefore : StoreFault::kNone;
    });
    for (int device = 1; device <= 2; ++device) {
      const auto answer =
          Require(engine->CheckIn(Device(device), Hello(), now));
      const auto& assignment = std::get<protocol::Assignment>(answer.answer);
      const std::string update = Update({1});
      protocol::UploadHeader header;
      header.token = assignment.token;
      header.digest = Sha256(update);
      header.num_bytes = static_cast<int64_t>(update.size());
      auto start = Require(engine->BeginUpload(Device(device), header, now));
      SHOAL_ASSERT_OK(start.stream->Append(0, update, Crc32(update)));
      SHOAL_ASSERT_OK(start.stream->Finish(now, [](const auto&) {}));
    }
    engine->Advance(now);
  }
  ASSERT_EQ(Require(database->GetRound(1)).state, RoundState::kSealed);
  // Without its log nobody knows what was released since.
  database.reset();
  ASSERT_EQ(std::remove((path + ".ledger").c_str()), 0);
  database = Require(OpenSqliteStore(path));
  auto engine =
      Require(RoundEngine::Create({}, {*database, *spool, rng, log}, now));
  engine->Advance(now);
  EXPECT_EQ(Require(database->GetRound(1)).failure, "corrupt_rows")
      << engine->LastError();
  EXPECT_THAT(Require(database->ListCharges("population")), SizeIs(1));
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
