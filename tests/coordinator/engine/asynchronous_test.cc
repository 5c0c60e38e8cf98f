// Rounds that overlap: buffers of updates, staleness, and what becomes of
// devices that are slower than a round.
#include <cmath>
#include <string>

#include "coordinator/engine/round_engine.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using ::shoal::testing::IsOk;
using ::shoal::testing::StoreFault;
using ::testing::ElementsAre;
using ::testing::FloatNear;
using ::testing::HasSubstr;

const float kOneBehind = static_cast<float>(1 / std::sqrt(2.0));

// Buffers of 2, 3 devices at work, at most 2 versions behind.
configuration::Task AsynchronousTask() {
  configuration::Task task = SmallTask();
  task.round = {.cohort = 2, .min_reports = 2, .deadline = absl::Minutes(1)};
  task.round.weighting = configuration::Weighting::kUniform;
  task.round.asynchronous =
      configuration::AsynchronousRounds{.concurrency = 3, .max_staleness = 2};
  return task;
}

class AsynchronousTest : public EngineTest {
 protected:
  // Makes model version `number` with devices 7 and 8.
  void CommitRound(const std::vector<float>& delta = {0}) {
    Contribute(7, delta);
    Contribute(8, delta);
  }
  std::shared_ptr<Outcome> SendAndAdvance(int device, const std::string& token,
                                          const std::string& update) {
    auto outcome = Require(Send(device, token, update));
    Advance();
    return outcome;
  }
};

TEST_F(AsynchronousTest, UpdateThatComesLateJoinsTheNextBuffer) {
  CreateTask(AsynchronousTask());
  const protocol::Assignment slow = Assign(3);
  EXPECT_EQ(slow.round_id, 1);
  Contribute(1, {2});
  Contribute(2, {4});
  EXPECT_THAT(Model(), ElementsAre(3, 0, 0, 0, 0, 0));
  EXPECT_EQ(Round().id, 2);
  EXPECT_EQ(Round().state, RoundState::kCollecting);

  const auto late = SendAndAdvance(3, slow.token, Update({1}));
  EXPECT_EQ(Require(late->receipt).round_id, 1);
  EXPECT_EQ(OutcomeOf(3, 1), "contributed");
  EXPECT_EQ(Round().accepted, 1);
  Contribute(1, {2});

  // Divided by the size of the buffer, not by the sum of the weights.
  EXPECT_THAT(Model(), ElementsAre(FloatNear(3 + (2 + kOneBehind) / 2, 1e-6), 0,
                                   0, 0, 0, 0));
  EXPECT_EQ(TaskNamed().rounds_committed, 2);
}

TEST_F(AsynchronousTest, WeightsFallWithTheVersionsBehind) {
  CreateTask(AsynchronousTask());
  const std::string slow = Assign(3).token;
  CommitRound();
  CommitRound();
  SendAndAdvance(3, slow, Update({1}));
  Contribute(1, {0});
  EXPECT_THAT(Model()[0], FloatNear(1 / std::sqrt(3.0) / 2, 1e-6));
}

TEST_F(AsynchronousTest, BufferTakesItsSizeAndTheRestJoinsTheNext) {
  CreateTask(AsynchronousTask());
  const std::string tokens[] = {Assign(1).token, Assign(2).token,
                                Assign(3).token};
  std::vector<std::shared_ptr<Outcome>> outcomes;
  for (int i = 0; i < 3; ++i) {
    outcomes.push_back(Require(Send(i + 1, tokens[i], Update({1}))));
  }
  Advance();
  for (const auto& outcome : outcomes) EXPECT_THAT(outcome->receipt, IsOk());
  EXPECT_EQ(Require(memory_->GetRound(1)).accepted, 2);
  EXPECT_EQ(Require(memory_->GetRound(2)).accepted, 1);
}

// --- places ------------------------------------------------------------------

TEST_F(AsynchronousTest, WhoReportsLeavesItsPlaceToAnother) {
  CreateTask(AsynchronousTask());
  const std::string token = Assign(1).token;
  Assign(2);
  Assign(3);
  const protocol::RetryAfter wait = Wait(4);
  EXPECT_EQ(wait.code, "round_full");
  EXPECT_THAT(wait.sentence, HasSubstr("has the 3 devices at work"));
  SendAndAdvance(1, token, Update({1}));
  EXPECT_EQ(Assign(4).round_id, 1);
  EXPECT_EQ(Round().assigned, 4);
}

TEST_F(AsynchronousTest, WhoGivesUpLeavesItsPlaceToo) {
  CreateTask(AsynchronousTask());
  const std::string token = Assign(1).token;
  Assign(2);
  Assign(3);
  Require(engine().Abandon(Device(1), token, protocol::AbandonReason::kEnergy,
                           now_));
  EXPECT_EQ(Assign(4).round_id, 1);
  EXPECT_EQ(Wait(1).code, "already_contributed");
  EXPECT_EQ(OutcomeOf(1, 1), "abandoned: energy");
}

TEST_F(AsynchronousTest, DeviceTakesPartInARoundOnce) {
  CreateTask(AsynchronousTask());
  Contribute(1);
  EXPECT_EQ(Wait(1).code, "already_contributed");
  Contribute(2);
  EXPECT_EQ(Assign(1).round_id, 2);
}

TEST_F(AsynchronousTest, DeviceOfAnEarlierRoundMayTakePartInThisOneAsWell) {
  CreateTask(AsynchronousTask());
  const std::string slow = Assign(3).token;
  CommitRound();
  SendAndAdvance(3, slow, Update({1}));
  const std::string fresh = Assign(3).token;
  const auto outcome = SendAndAdvance(3, fresh, Update({2}));
  EXPECT_EQ(Require(outcome->receipt).round_id, 2);
  EXPECT_EQ(Require(memory_->ListContributions(2)).size(), 2u);
  // The receipt of before is still there.
  EXPECT_EQ(Require(Query(3, slow, Update({1}))).receipt->round_id, 1);
}

TEST_F(AsynchronousTest, DeviceAtWorkGetsItsAssignmentAgain) {
  CreateTask(AsynchronousTask());
  const protocol::Assignment before = Assign(3);
  Pass(absl::Seconds(20));
  CommitRound({1});
  const protocol::Assignment again = Assign(3);
  EXPECT_EQ(again.round_id, before.round_id);
  EXPECT_EQ(again.model.digest, before.model.digest);
  EXPECT_EQ(again.model.version, 0);
  EXPECT_EQ(again.time_left, absl::Seconds(40));
  EXPECT_THAT(SendAndAdvance(3, again.token, Update({1}))->receipt, IsOk());
}

TEST_F(AsynchronousTest, MinimumSeparationCountsTheSumThatAnUpdateIsIn) {
  configuration::Task task = AsynchronousTask();
  task.round.min_separation = 2;
  CreateTask(task);
  const std::string slow = Assign(3).token;
  Contribute(1);
  Contribute(2);
  SendAndAdvance(3, slow, Update({1}));
  EXPECT_EQ(Wait(3).code, "min_separation");
  Contribute(4);
  EXPECT_EQ(Wait(3).code, "min_separation") << "2 was its round";
  Contribute(5);
  Contribute(6);
  EXPECT_EQ(Assign(3).round_id, 4);
}

// --- staleness ---------------------------------------------------------------

TEST_F(AsynchronousTest, UpdateBeyondTheLimitIsRefusedWithTheReason) {
  CreateTask(AsynchronousTask());
  const std::string slow = Assign(3).token;
  const std::string update = Update({1});
  for (int i = 0; i < 3; ++i) CommitRound();
  EXPECT_EQ(OutcomeOf(3, 1), "refused: too_stale");
  EXPECT_THAT(Send(3, slow, update), IsRefusal(RefusalCode::kTooStale));
  Restart();
  EXPECT_THAT(Send(3, slow, update), IsRefusal(RefusalCode::kTooStale));
  EXPECT_EQ(Assign(3).round_id, 4) << "its place is free, and it may go on";
}

TEST_F(AsynchronousTest, UploadUnderWayEndsWhenItBecomesTooStale) {
  options_.commit_max_delay = absl::ZeroDuration();  // nobody waits for it
  Restart();
  CreateTask(AsynchronousTask());
  const std::string update = Update({1});
  const std::string slow = Assign(3).token;
  auto start = Require(Begin(3, slow, update));
  for (int i = 0; i < 3; ++i) CommitRound();
  EXPECT_THAT(SendRest(*start.stream, update),
              IsRefusal(RefusalCode::kRoundOver));
}

TEST_F(AsynchronousTest, CompleteUpdateIsHeldToTheBoundOfItsSum) {
  CreateTask(AsynchronousTask());
  CommitRound({500});  // the bound is 50 000 now
  const std::string tokens[] = {Assign(1).token, Assign(2).token,
                                Assign(3).token};
  Require(Send(1, tokens[0], Update({1})));
  Require(Send(2, tokens[1], Update({1})));
  const auto large = Require(Send(3, tokens[2], Update({5000})));
  Advance();  // and 1 000 again
  EXPECT_THAT(large->receipt, IsRefusal(RefusalCode::kNormBound));
  EXPECT_EQ(OutcomeOf(3, 2), "refused: norm_bound");
}

// --- deadlines ---------------------------------------------------------------

TEST_F(AsynchronousTest, EveryAssignmentHasADeadlineOfItsOwn) {
  CreateTask(AsynchronousTask());
  const std::string first = Assign(1).token;
  Pass(absl::Seconds(40));
  const protocol::Assignment second = Assign(2);
  EXPECT_EQ(second.time_left, absl::Minutes(1));
  Pass(absl::Seconds(30));
  Advance();
  EXPECT_THAT(Send(1, first, Update({1})),
              IsRefusal(RefusalCode::kTokenExpired));
  EXPECT_THAT(SendAndAdvance(2, second.token, Update({1}))->receipt, IsOk());
  EXPECT_EQ(OutcomeOf(1, 1), "") << "it was silent";
}

TEST_F(AsynchronousTest, PlaceOfASilentDeviceIsFreeAtItsDeadline) {
  CreateTask(AsynchronousTask());
  for (int device : {1, 2, 3}) Assign(device);
  EXPECT_EQ(Wait(4).code, "round_full");
  EXPECT_EQ(Advance(), now_ + options_.lease_duration / 3);
  Pass(absl::Minutes(1));
  Advance();
  EXPECT_EQ(Assign(4).round_id, 1);
}

TEST_F(AsynchronousTest, EngineWakesForTheDeadlineOfAnAssignment) {
  options_.lease_duration = absl::Hours(10);
  Restart();
  CreateTask(AsynchronousTask());
  Assign(1);
  Pass(absl::Seconds(10));
  Assign(2);
  Pass(absl::Seconds(50));
  EXPECT_EQ(Advance(), now_ + absl::Seconds(10));
  Pass(absl::Seconds(10));
  EXPECT_GT(Advance(), now_ + absl::Minutes(1)) << "nothing is due any more";
}

TEST_F(AsynchronousTest, BufferWithEnoughIsSealedAtItsDeadline) {
  configuration::Task task = AsynchronousTask();
  task.round.min_reports = 1;
  CreateTask(task);
  Contribute(1, {4});
  EXPECT_EQ(TaskNamed().rounds_committed, 0);
  Pass(absl::Minutes(1));
  Advance();
  EXPECT_EQ(TaskNamed().rounds_committed, 1);
  EXPECT_THAT(Model()[0], 4) << "divided by the one that it has";
}

TEST_F(AsynchronousTest, BufferWithTooFewWaitsAndLosesNothing) {
  CreateTask(AsynchronousTask());
  Contribute(1, {4});
  Pass(absl::Hours(10));
  Advance();
  EXPECT_EQ(Round().state, RoundState::kCollecting);
  EXPECT_EQ(TaskNamed().rounds_failed, 0);
  Contribute(2, {2});
  EXPECT_THAT(Model()[0], 3);
}

// A buffer waits for as long as it takes: were each device to have one chance
// only, a small fleet could not fill it any more.
TEST_F(AsynchronousTest, DeviceThatHasLetItsTimePassMayTryAgain) {
  CreateTask(AsynchronousTask());
  const std::string silent = Assign(1).token;
  const std::string lost = Assign(2).token;
  Require(engine().Abandon(Device(2), lost, protocol::AbandonReason::kEnergy,
                           now_));
  Pass(absl::Seconds(59));
  EXPECT_EQ(Wait(2).code, "already_contributed");
  Pass(absl::Seconds(1));
  Advance();
  const std::string again = Assign(1).token;
  Contribute(2, {2});
  EXPECT_THAT(Send(1, silent, Update({1})),
              IsRefusal(RefusalCode::kTokenExpired));
  Restart();
  EXPECT_THAT(SendAndAdvance(1, again, Update({4}))->receipt, IsOk());
  EXPECT_THAT(Model()[0], 3);
  EXPECT_EQ(Require(memory_->GetRound(1)).assigned, 2);
}

TEST_F(AsynchronousTest, ClockSetBackProlongsNoAssignment) {
  CreateTask(AsynchronousTask());
  Assign(1);
  Pass(-absl::Hours(1));
  Advance();
  EXPECT_EQ(Assign(1).time_left, absl::Minutes(1));
  Pass(absl::Minutes(1));
  Advance();
  EXPECT_EQ(OutcomeOf(1, 1), "") << "it was silent";
  EXPECT_EQ(Assign(1).time_left, absl::Minutes(1)) << "a new one";
}

// --- restarts ----------------------------------------------------------------

class AsynchronousRestartTest
    : public AsynchronousTest,
      public ::testing::WithParamInterface<const char*> {};

TEST_P(AsynchronousRestartTest, DevicesAtWorkGoOnAsIfNothingHadHappened) {
  CreateTask(AsynchronousTask());
  const std::string tokens[] = {Assign(1).token, Assign(2).token,
                                Assign(3).token};
  bool dead = false;
  store_.SetFaults([dead](absl::string_view called) mutable {
    dead = dead || called == GetParam();
    return dead ? StoreFault::kBefore : StoreFault::kNone;
  });
  for (int i = 0; i < 3; ++i) {
    Require(Send(i + 1, tokens[i], Update({1})));
  }
  Advance();
  store_.SetFaults(nullptr);
  Restart();
  Advance();
  for (int i = 0; i < 3; ++i) {
    Require(Send(i + 1, tokens[i], Update({1})));
  }
  Advance();
  EXPECT_EQ(Require(memory_->GetRound(1)).accepted, 2);
  EXPECT_EQ(Round().id, 2);
  EXPECT_EQ(Round().accepted, 1);
  EXPECT_EQ(Require(memory_->ListContributions(2))[0].earlier_round, 1);
  EXPECT_THAT(Model(), ElementsAre(1, 0, 0, 0, 0, 0));
  EXPECT_EQ(Assign(1).round_id, 2) << "two places are free";
}

INSTANTIATE_TEST_SUITE_P(EveryStep, AsynchronousRestartTest,
                         ::testing::Values("CommitSegment", "SealRound",
                                           "ReadModel", "CommitRound",
                                           "OpenRound", "none"));

TEST_F(AsynchronousTest, PlacesAreTakenAfterARestart) {
  CreateTask(AsynchronousTask());
  const std::string slow = Assign(3).token;
  CommitRound();
  Assign(4);
  Assign(5);
  Restart();
  Advance();
  EXPECT_EQ(Wait(6).code, "round_full");
  EXPECT_EQ(Assign(3).round_id, 1);
  EXPECT_THAT(SendAndAdvance(3, slow, Update({1}))->receipt, IsOk());
  EXPECT_EQ(Assign(6).round_id, 2);
}

TEST_F(AsynchronousTest, ReceiptOfALateUpdateOutlivesCommitAndRestart) {
  CreateTask(AsynchronousTask());
  const std::string slow = Assign(3).token;
  CommitRound();
  const auto outcome = SendAndAdvance(3, slow, Update({1}));
  CommitRound();
  Restart();
  Pass(absl::Hours(1));
  const auto progress = Require(Query(3, slow, Update({1})));
  ASSERT_TRUE(progress.receipt.has_value());
  EXPECT_EQ(progress.receipt->segment_id, Require(outcome->receipt).segment_id);
  EXPECT_THAT(Query(3, slow, Update({2})),
              IsRefusal(RefusalCode::kDigestConflict));
}

// --- the task ----------------------------------------------------------------

TEST_F(AsynchronousTest, UpdateWaitsWhileTheTaskIsPaused) {
  CreateTask(AsynchronousTask());
  const std::string slow = Assign(3).token;
  const std::string first = Assign(1).token;
  const std::string second = Assign(2).token;
  SHOAL_ASSERT_OK(engine().SetTaskState("task", TaskState::kPaused, now_));
  SendAndAdvance(1, first, Update({1}));
  SendAndAdvance(2, second, Update({1}));
  EXPECT_EQ(TaskNamed().rounds_committed, 1);
  const auto outcome = SendAndAdvance(3, slow, Update({1}));
  EXPECT_FALSE(outcome->called);
  Pass(absl::Seconds(10));
  Advance();
  EXPECT_THAT(outcome->receipt, IsRefusal(RefusalCode::kStoreUnavailable))
      << "so that it asks again";
  SHOAL_ASSERT_OK(engine().SetTaskState("task", TaskState::kActive, now_));
  Advance();
  EXPECT_EQ(Require(Query(3, slow, Update({1}))).receipt->round_id, 1);
}

TEST_F(AsynchronousTest, CompletedTaskTakesNoMoreReports) {
  configuration::Task task = AsynchronousTask();
  task.rounds = 1;
  CreateTask(task);
  const std::string slow = Assign(3).token;
  CommitRound();
  EXPECT_EQ(TaskNamed().state, TaskState::kCompleted);
  EXPECT_THAT(Send(3, slow, Update({1})), IsRefusal(RefusalCode::kRoundOver));
}

TEST_F(AsynchronousTest, RoundThatFailsLeavesDevicesAtWork) {
  CreateTask(AsynchronousTask());
  const std::string slow = Assign(3).token;
  Contribute(1);
  const std::string second = Assign(2).token;
  const Lease lease = Require(memory_->AcquireLease(
      "task", options_.replica, now_, options_.lease_duration));
  SHOAL_ASSERT_OK(memory_->FailRound(lease, 1, "non_finite", now_));
  const auto waits = SendAndAdvance(2, second, Update({1}));
  EXPECT_FALSE(waits->called);
  Pass(options_.failure_backoff);
  Advance();
  EXPECT_EQ(Round().id, 2);
  EXPECT_THAT(waits->receipt, IsOk());
  EXPECT_THAT(SendAndAdvance(3, slow, Update({1}))->receipt, IsOk());
  EXPECT_EQ(Require(memory_->ListContributions(2))[0].weight, 1 << 24)
      << "no version has been made since: it is fresh";
}

TEST_F(AsynchronousTest, ForgottenDeviceLeavesItsPlace) {
  CreateTask(AsynchronousTask());
  const std::string slow = Assign(3).token;
  CommitRound();
  SHOAL_ASSERT_OK(engine().ForgetDevice(Device(3).id));
  Advance();
  EXPECT_THAT(Send(3, slow, Update({1})), IsRefusal(RefusalCode::kForgotten));
  for (int device : {4, 5, 6}) Assign(device);
}

TEST_F(AsynchronousTest, WhatHasNotBeenAnalysedIsRefused) {
  configuration::Task task = AsynchronousTask();
  task.round.weighting = configuration::Weighting::kExamples;
  EXPECT_THAT(engine().CreateTask(task, "", now_),
              ::shoal::testing::StatusIs(absl::StatusCode::kInvalidArgument,
                                         HasSubstr("round.asynchronous")));
}

}  // namespace
}  // namespace shoal::coordinator
