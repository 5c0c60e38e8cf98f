// The life of rounds, end to end.
#include "coordinator/engine/round_engine.h"

#include <cmath>
#include <limits>
#include <variant>

#include "learning/model.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using RoundEngineTest = EngineTest;

// Admits three devices, so that no further one can come.
class FullRoundTest : public EngineTest {
 protected:
  FullRoundTest() {
    CreateTask();
    for (int device = 1; device <= 3; ++device) {
      tokens_.push_back(Assign(device).token);
    }
    round_id_ = Round().id;
  }
  RoundRow TheRound() { return Require(memory_->GetRound(round_id_)); }
  void Abandon(int device) {
    EXPECT_THAT(engine().Abandon(Device(device), tokens_[device - 1],
                                 protocol::AbandonReason::kEnergy, now_),
                IsOk());
  }

  std::vector<std::string> tokens_;
  int64_t round_id_ = 0;
};

TEST_F(RoundEngineTest, RoundOpensAsSoonAsTheTaskExists) {
  CreateTask();
  EXPECT_EQ(Round().state, RoundState::kOpen);
  EXPECT_EQ(Round().number, 1);
  EXPECT_EQ(Round().max_assigned, 3);
}

TEST_F(RoundEngineTest, CohortOfReportsMovesTheModelByTheirWeightedMean) {
  CreateTask();
  const protocol::Assignment first = Assign(1);
  const protocol::Assignment second = Assign(2);
  const auto one = Require(Send(1, first.token, Update({1, 2}, 3)));
  const auto two = Require(Send(2, second.token, Update({5, 0}, 1)));
  Advance();

  EXPECT_THAT(one->receipt, IsOk());
  EXPECT_THAT(two->receipt, IsOk());
  // (3 * 1 + 1 * 5) / 4 and (3 * 2 + 0) / 4, from a model of zeros.
  EXPECT_THAT(Model(), ElementsAre(2, 1.5, 0, 0, 0, 0));
  EXPECT_EQ(TaskNamed().rounds_committed, 1);
  EXPECT_EQ(Round().state, RoundState::kOpen) << "the next round is open";
  EXPECT_EQ(Round().number, 2);
}

TEST_F(RoundEngineTest, NextRoundStartsFromTheCommittedModel) {
  CreateTask();
  Contribute(1, {1});
  Contribute(2, {1});
  const protocol::Assignment assignment = Assign(1);
  EXPECT_EQ(assignment.model.digest, TaskNamed().current_model);
  EXPECT_EQ(assignment.model.version, 1);
  EXPECT_EQ(assignment.round_number, 2);
  Require(Send(1, assignment.token, Update({1})));
  Contribute(2, {2});
  EXPECT_THAT(Model(), ElementsAre(2.5, 0, 0, 0, 0, 0));
}

TEST_F(RoundEngineTest, ServerMomentumSurvivesFromRoundToRound) {
  configuration::Task task = SmallTask();
  task.server_optimizer = configuration::SgdServerOptions{1, 0.5};
  CreateTask(task);
  Contribute(1, {1});
  Contribute(2, {1});
  Restart();
  Contribute(1, {1});
  Contribute(2, {1});
  // 1, then 0.5 * 1 + 1 on top.
  EXPECT_THAT(Model(), ElementsAre(2.5, 0, 0, 0, 0, 0));
}

TEST_F(RoundEngineTest, CommittedRoundTellsWhatDevicesReported) {
  CreateTask();
  const int64_t round_id = Round().id;
  Contribute(1, {3, 4});
  Contribute(2, {0, 1});
  const RoundRow round = Require(memory_->GetRound(round_id));
  EXPECT_EQ(round.state, RoundState::kCommitted);
  EXPECT_EQ(round.accepted, 2);
  EXPECT_EQ(round.total_examples, 2);
  EXPECT_DOUBLE_EQ(*round.train_loss, 0.5);
  EXPECT_DOUBLE_EQ(*round.train_accuracy, 0);
  EXPECT_DOUBLE_EQ(round.median_norm, 3);
  EXPECT_EQ(round.committed_model, TaskNamed().current_model);
  EXPECT_EQ(OutcomeOf(1, round_id), "contributed");
}

TEST_F(RoundEngineTest, SequencesAreScoredByPosition) {
  configuration::Task task = SmallTask();
  learning::LayerListSpec list;  // of 6 parameters, with a label at 3 positions
  list.input = {3, 2};
  list.layers = {{learning::DenseSpec{.units = 2}}};
  task.model = {list};
  task.round.cohort = 1;
  CreateTask(task);
  const int64_t round_id = Round().id;
  const std::string update = learning::EncodeUpdate(
      learning::UpdateCodec::kFloat32,
      {.num_examples = 10, .base_loss_sum = 60, .base_num_correct = 12},
      std::vector<float>(kParameters));
  Require(Send(1, Assign(1).token, update));
  Advance();
  const RoundRow round = Require(memory_->GetRound(round_id));
  ASSERT_EQ(round.state, RoundState::kCommitted);
  EXPECT_EQ(round.total_examples, 10);
  EXPECT_DOUBLE_EQ(*round.train_loss, 2);
  EXPECT_DOUBLE_EQ(*round.train_accuracy, 0.4);
}

TEST_F(RoundEngineTest, ValuesHaveNoAccuracy) {
  configuration::Task task = SmallTask();
  task.model = {learning::LinearSpec{2, 2}};
  CreateTask(task);
  const int64_t round_id = Round().id;
  Contribute(1);
  Contribute(2);
  const RoundRow round = Require(memory_->GetRound(round_id));
  EXPECT_DOUBLE_EQ(*round.train_loss, 0.5);
  EXPECT_EQ(round.train_accuracy, std::nullopt);
}

TEST_F(RoundEngineTest, TaskCompletesAfterItsLastRound) {
  configuration::Task task = SmallTask();
  task.rounds = 1;
  CreateTask(task);
  Contribute(1);
  Contribute(2);
  EXPECT_EQ(TaskNamed().state, TaskState::kCompleted);
  EXPECT_EQ(Round().state, RoundState::kCommitted) << "and opens no other";
  EXPECT_EQ(Wait(3).code, "no_task");
  EXPECT_EQ(Advance(), now_ + options_.token_key_lifetime) << "nothing else";
}

TEST_F(FullRoundTest,
       ReportsBeyondTheCohortCountWhenTheyAreThereBeforeTheSeal) {
  for (int device = 1; device <= 3; ++device) {
    Require(Send(device, tokens_[device - 1], Update({1})));
  }
  Advance();
  EXPECT_EQ(TheRound().accepted, 3);
  EXPECT_EQ(TheRound().state, RoundState::kCommitted);
}

TEST_F(FullRoundTest, UploadInProgressDoesNotHoldUpAFullCohort) {
  const std::string update = Update({9});
  UploadStart slow = Require(Begin(3, tokens_[2], update));
  Require(Send(1, tokens_[0], Update({1})));
  Require(Send(2, tokens_[1], Update({1})));
  Advance();
  EXPECT_EQ(TheRound().state, RoundState::kCommitted);
  EXPECT_THAT(SendRest(*slow.stream, update),
              IsRefusal(RefusalCode::kRoundOver));
}

TEST_F(FullRoundTest, RoundIsSealedWhenNobodyIsLeftToReport) {
  Require(Send(1, tokens_[0], Update({1})));
  Abandon(2);
  Advance();
  EXPECT_EQ(TheRound().state, RoundState::kCollecting) << "device 3 may report";
  Abandon(3);
  Advance();
  EXPECT_EQ(TheRound().state, RoundState::kCommitted);
  EXPECT_EQ(TheRound().accepted, 1);
}

TEST_F(FullRoundTest, RoundFailsAtOnceWhenAllDevicesHaveGivenUp) {
  for (int device = 1; device <= 3; ++device) Abandon(device);
  Advance();
  EXPECT_EQ(TheRound().state, RoundState::kFailed);
  EXPECT_EQ(TheRound().failure, "min_reports");
  EXPECT_EQ(OutcomeOf(1, round_id_), "abandoned: energy");
}

TEST_F(FullRoundTest, DeadlineSealsARoundWithEnoughReports) {
  Require(Send(1, tokens_[0], Update({4})));
  Advance();
  Pass(absl::Seconds(59));
  Advance();
  EXPECT_EQ(TheRound().state, RoundState::kCollecting);
  Pass(absl::Seconds(1));
  Advance();
  EXPECT_EQ(TheRound().state, RoundState::kCommitted);
  EXPECT_THAT(Model(), ElementsAre(4, 0, 0, 0, 0, 0));
}

TEST_F(FullRoundTest, EngineAsksToBeCalledAtTheDeadline) {
  // Leases have to be renewed before that.
  absl::Time next = Advance();
  while (next < TheRound().deadline) {
    ASSERT_GT(next, now_);
    now_ = next;
    next = Advance();
  }
  EXPECT_EQ(next, TheRound().deadline);
}

TEST_F(FullRoundTest, DeadlineWithTooFewReportsFailsTheRound) {
  Pass(absl::Minutes(1));
  Advance();
  EXPECT_EQ(TheRound().state, RoundState::kFailed);
  EXPECT_EQ(TheRound().failure, "min_reports");
  EXPECT_EQ(TaskNamed().rounds_failed, 1);
}

TEST_F(FullRoundTest, CompleteUpdateCountsBeforeTheDeadlineSealsTheRound) {
  const UploadStart other = Require(Begin(3, tokens_[2], Update({9})));
  Require(Send(1, tokens_[0], Update({1})));
  Advance();
  ASSERT_EQ(TheRound().accepted, 0) << "it waits for the other upload";
  Pass(absl::Minutes(1));
  Advance();
  EXPECT_EQ(TheRound().state, RoundState::kCommitted);
  EXPECT_EQ(TheRound().accepted, 1);
}

TEST_F(FullRoundTest, ReportAfterDeadlineIsRejected) {
  const std::string update = Update({1});
  UploadStart late = Require(Begin(1, tokens_[0], update));
  SHOAL_ASSERT_OK(SendRest(*late.stream, update));
  Pass(absl::Minutes(1));
  EXPECT_THAT(Finish(*late.stream, std::make_shared<Outcome>()),
              IsRefusal(RefusalCode::kTokenExpired));
  EXPECT_THAT(Begin(2, tokens_[1], update),
              IsRefusal(RefusalCode::kTokenExpired));
}

TEST_F(RoundEngineTest, FailedRoundsAreFollowedByLongerAndLongerPauses) {
  CreateTask();
  for (const absl::Duration pause :
       {absl::Seconds(1), absl::Seconds(2), absl::Seconds(4)}) {
    Assign(1);
    Pass(absl::Minutes(1));
    Advance();
    ASSERT_EQ(Round().state, RoundState::kFailed);
    Pass(pause - absl::Milliseconds(1));
    Advance();
    EXPECT_EQ(Round().state, RoundState::kFailed);
    Pass(absl::Milliseconds(1));
    Advance();
    EXPECT_EQ(Round().state, RoundState::kOpen);
  }
}

TEST_F(RoundEngineTest, PauseAfterAFailureSurvivesARestart) {
  CreateTask();
  Assign(1);
  Pass(absl::Minutes(1));
  Advance();
  Restart();
  EXPECT_LE(Advance(), now_ + absl::Seconds(1));
  EXPECT_EQ(Round().state, RoundState::kFailed);
  Pass(absl::Seconds(1));
  Advance();
  EXPECT_EQ(Round().state, RoundState::kOpen);
}

TEST_F(RoundEngineTest, UpdateThatOverflowsTheModelFailsTheRound) {
  configuration::Task task = SmallTask();
  task.server_optimizer = configuration::SgdServerOptions{3e38, 0};
  CreateTask(task);
  const int64_t round_id = Round().id;
  Contribute(1, {2});
  Contribute(2, {2});
  const RoundRow round = Require(memory_->GetRound(round_id));
  EXPECT_EQ(round.state, RoundState::kFailed);
  EXPECT_EQ(round.failure, "non_finite");
  EXPECT_THAT(Model(), ElementsAre(0, 0, 0, 0, 0, 0));
}

TEST_F(RoundEngineTest, PausedTaskFinishesItsRoundAndOpensNoOther) {
  CreateTask();
  const std::string first = Assign(1).token;
  const std::string second = Assign(2).token;
  SHOAL_ASSERT_OK(engine().SetTaskState("task", TaskState::kPaused, now_));
  EXPECT_EQ(Wait(3).code, "task_paused");
  Require(Send(1, first, Update({1})));
  Require(Send(2, second, Update({1})));
  Advance();
  EXPECT_EQ(Round().state, RoundState::kCommitted);
  SHOAL_ASSERT_OK(engine().SetTaskState("task", TaskState::kActive, now_));
  Advance();
  EXPECT_EQ(Round().state, RoundState::kOpen);
}

TEST_F(RoundEngineTest, StoppedTaskFailsItsRoundAndTellsWaitingDevices) {
  CreateTask();
  const auto outcome = Require(Send(1, Assign(1).token, Update({1})));
  SHOAL_ASSERT_OK(engine().SetTaskState("task", TaskState::kStopped, now_));
  EXPECT_EQ(Wait(2).code, "no_task");
  Advance();
  EXPECT_EQ(Round().failure, "stopped");
  EXPECT_THAT(outcome->receipt, IsRefusal(RefusalCode::kRoundOver));
  EXPECT_EQ(engine().uploads_in_progress(), 0);
}

TEST_F(RoundEngineTest, UnknownTaskHasNoState) {
  EXPECT_THAT(engine().SetTaskState("nix", TaskState::kPaused, now_),
              StatusIs(absl::StatusCode::kNotFound));
}

TEST_F(RoundEngineTest, TaskIsCreatedOnce) {
  CreateTask();
  EXPECT_THAT(engine().CreateTask(SmallTask(), "", now_),
              StatusIs(absl::StatusCode::kAlreadyExists));
}

TEST_F(RoundEngineTest, TaskStartsFromTheModelThatIsGiven) {
  const auto model = Require(learning::Model::Create(SmallTask().model));
  const std::string bytes =
      learning::SerializeModel(model->layout(), {1, 2, 3, 4, 5, 6});
  SHOAL_ASSERT_OK(engine().CreateTask(SmallTask(), bytes, now_));
  Advance();
  EXPECT_THAT(Model(), ElementsAre(1, 2, 3, 4, 5, 6));
  EXPECT_EQ(Assign(1).model.num_bytes, static_cast<int64_t>(bytes.size()));
}

TEST_F(RoundEngineTest, ModelIsReadInChunksUntilItEnds) {
  CreateTask();
  const protocol::ModelReference model = Assign(1).model;
  const std::string bytes = Require(engine().ReadModel(model.digest, 0));
  EXPECT_THAT(bytes, SizeIs(model.num_bytes));
  EXPECT_EQ(Sha256(bytes), model.digest);
  EXPECT_EQ(Require(engine().ReadModel(model.digest, 10)), bytes.substr(10));
  EXPECT_THAT(Require(engine().ReadModel(model.digest, model.num_bytes)),
              IsEmpty());
  EXPECT_THAT(engine().ReadModel(model.digest, model.num_bytes + 1),
              IsRefusal(RefusalCode::kBadRequest));
  EXPECT_THAT(engine().ReadModel(model.digest, -1),
              IsRefusal(RefusalCode::kBadRequest));
  EXPECT_THAT(engine().ReadModel(Sha256("x"), 0),
              IsRefusal(RefusalCode::kUnknownModel));
}

TEST_F(RoundEngineTest, NormBoundFollowsTheMedianOfTheLastCommittedRound) {
  CreateTask();
  EXPECT_EQ(Round().norm_bound, 1000) << "nothing is known yet";
  Contribute(1, {50});
  Contribute(2, {70});
  EXPECT_EQ(Round().norm_bound, 6000);
  Restart();
  EXPECT_EQ(Assign(1).plan.norm_bound, 6000);
}

TEST_F(RoundEngineTest, NormBoundOfTheTaskIsKept) {
  configuration::Task task = SmallTask();
  task.update_limits.norm_bound = 5;
  CreateTask(task);
  EXPECT_EQ(Round().norm_bound, 5);
}

TEST_F(RoundEngineTest, StoppingCoordinatorTakesNoNewDevicesAndCommitsTheRest) {
  CreateTask();
  const std::string first = Assign(1).token;
  const std::string second = Assign(2).token;
  const auto outcome = Require(Send(1, first, Update({1})));
  engine().StopAdmitting();
  EXPECT_THAT(CheckIn(3), IsRefusal(RefusalCode::kShuttingDown));
  EXPECT_THAT(Begin(2, second, Update({1})),
              IsRefusal(RefusalCode::kShuttingDown));
  EXPECT_EQ(engine().uploads_in_progress(), 1);
  Advance();
  EXPECT_THAT(outcome->receipt, IsOk());
  EXPECT_EQ(engine().uploads_in_progress(), 0);
}

TEST_F(RoundEngineTest, TasksOfDifferentPopulationsDoNotMix) {
  CreateTask(SmallTask("a"));
  configuration::Task other = SmallTask("b");
  other.population = "elsewhere";
  CreateTask(other);
  EXPECT_EQ(Assign(1).task, "a");
  protocol::CheckIn hello = Hello();
  hello.population = "elsewhere";
  const protocol::CheckInAnswer answer = Require(CheckIn(1, hello));
  EXPECT_EQ(std::get<protocol::Assignment>(answer.answer).task, "b");
}

// A callback may call the engine, Advance() included.
TEST_F(RoundEngineTest, CallbackMayAdvanceTheEngine) {
  CreateTask();
  const std::string update = Update({1});
  UploadStart start = Require(Begin(1, Assign(1).token, update));
  SHOAL_ASSERT_OK(SendRest(*start.stream, update));
  bool called = false;
  SHOAL_ASSERT_OK(start.stream->Finish(
      now_, [&](const absl::StatusOr<protocol::UploadReceipt>& receipt) {
        EXPECT_THAT(receipt, IsOk());
        EXPECT_EQ(Advance(), absl::InfiniteFuture());
        called = true;
      }));
  Advance();
  EXPECT_TRUE(called);
}

// --- clocks ------------------------------------------------------------------

TEST_F(FullRoundTest, ClockSetBackProlongsTheRoundByNoMoreThanItsDeadline) {
  Require(Send(1, tokens_[0], Update({1})));
  Advance();
  Pass(-absl::Hours(5));
  Advance();
  Pass(absl::Minutes(1));
  Advance();
  EXPECT_EQ(TheRound().state, RoundState::kCommitted);
}

TEST_F(FullRoundTest, ClockSetBackReopensNothing) {
  Require(Send(1, tokens_[0], Update({1})));
  Require(Send(2, tokens_[1], Update({1})));
  Advance();
  ASSERT_EQ(TheRound().state, RoundState::kCommitted);
  Pass(-absl::Hours(5));
  Advance();
  EXPECT_EQ(TheRound().state, RoundState::kCommitted);
  EXPECT_THAT(Begin(3, tokens_[2], Update({1})),
              IsRefusal(RefusalCode::kRoundOver));
  Contribute(1);
  Contribute(2);
  EXPECT_EQ(TaskNamed().rounds_committed, 2);
}

TEST_F(FullRoundTest, ClockSetForwardEndsTheRoundAndTheTaskGoesOn) {
  Pass(absl::Hours(24 * 3650));
  Advance();
  EXPECT_EQ(TheRound().state, RoundState::kFailed);
  Pass(absl::Seconds(1));
  Advance();
  Contribute(1);
  Contribute(2);
  EXPECT_EQ(TaskNamed().rounds_committed, 1);
}

TEST_F(FullRoundTest, TimeLeftNeverExceedsTheDeadline) {
  Pass(-absl::Hours(5));
  EXPECT_EQ(Assign(1).time_left, absl::Minutes(1));
}

}  // namespace
}  // namespace shoal::coordinator
