#include "coordinator/engine/check_in.h"

#include <variant>

#include "learning/device_memory.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::AnyOf;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Le;
using ::testing::SizeIs;

int64_t LeastMemory(const configuration::Task& task, int64_t num_examples) {
  const auto model = *learning::Model::Create(task.model);
  return *learning::LeastMemoryBytes(*model, task.training, num_examples);
}

class CheckInTest : public EngineTest {
 protected:
  // The answer to a message that gets no assignment.
  protocol::RetryAfter WaitOf(const protocol::CheckIn& message) {
    const protocol::CheckInAnswer answer = Require(CheckIn(1, message));
    SHOAL_CHECK(std::holds_alternative<protocol::RetryAfter>(answer.answer));
    return std::get<protocol::RetryAfter>(answer.answer);
  }
  void CommitRound(int first, int second) {
    Contribute(first);
    Contribute(second);
  }
};

TEST_F(CheckInTest, AssignmentTellsEverythingADeviceNeeds) {
  configuration::Task task = SmallTask();
  task.device_limits.energy_joules = 3;
  task.algorithm = learning::FedProxLocal{0.5};
  CreateTask(task);
  const protocol::Assignment assignment = Assign(1);
  EXPECT_EQ(assignment.task, "task");
  EXPECT_EQ(assignment.round_id, Round().id);
  EXPECT_EQ(assignment.round_number, 1);
  EXPECT_EQ(assignment.model.digest, TaskNamed().current_model);
  EXPECT_EQ(assignment.model.version, 0);
  EXPECT_EQ(assignment.time_left, absl::Minutes(1));
  EXPECT_EQ(assignment.plan.model, task.model);
  EXPECT_EQ(assignment.plan.training, task.training);
  EXPECT_EQ(assignment.plan.algorithm, task.algorithm);
  EXPECT_EQ(assignment.plan.limits, task.device_limits);
  EXPECT_EQ(assignment.plan.norm_bound, Round().norm_bound);
  EXPECT_EQ(assignment.plan.max_examples, task.update_limits.max_examples);
  EXPECT_EQ(assignment.plan.idle_window, task.round.idle_window);
  EXPECT_EQ(Round().state, RoundState::kCollecting);
  EXPECT_EQ(Round().deadline, now_ + absl::Minutes(1));
}

TEST_F(CheckInTest, OtherMajorVersionIsRefusedWithBothVersions) {
  CreateTask();
  protocol::CheckIn message = Hello();
  message.protocol = {2, 3};
  const auto answer = CheckIn(1, message);
  EXPECT_THAT(answer, IsRefusal(RefusalCode::kProtocolIncompatible));
  EXPECT_THAT(std::string(answer.status().message()),
              AllOf(HasSubstr("2.3"), HasSubstr("1.0")));
}

TEST_F(CheckInTest, LowerMinorVersionIsSpoken) {
  options_.protocol = {1, 4};
  Restart();
  CreateTask();
  protocol::CheckIn message = Hello();
  message.protocol = {1, 3};
  EXPECT_EQ(Require(CheckIn(1, message)).protocol,
            (protocol::ProtocolVersion{1, 3}));
}

TEST_F(CheckInTest, ImpossibleMessagesAreRefused) {
  CreateTask();
  protocol::CheckIn message = Hello();
  message.population = "";
  EXPECT_THAT(CheckIn(1, message), IsRefusal(RefusalCode::kBadRequest));
  message = Hello();
  message.num_examples = -1;
  EXPECT_THAT(CheckIn(1, message), IsRefusal(RefusalCode::kBadRequest));
  message = Hello();
  message.memory_bytes = -1;
  EXPECT_THAT(CheckIn(1, message), IsRefusal(RefusalCode::kBadRequest));
  EXPECT_THAT(engine().CheckIn({"", ""}, Hello(), now_),
              IsRefusal(RefusalCode::kBadRequest));
  EXPECT_THAT(engine().CheckIn({std::string(300, 'x'), ""}, Hello(), now_),
              IsRefusal(RefusalCode::kBadRequest));
}

TEST_F(CheckInTest, PopulationWithoutATaskWaits) {
  CreateTask();
  protocol::CheckIn message = Hello();
  message.population = "nobody";
  EXPECT_EQ(WaitOf(message).code, "no_task");
}

TEST_F(CheckInTest, DeviceWithoutExamplesIsNotEligible) {
  CreateTask();
  protocol::CheckIn message = Hello();
  message.num_examples = 0;
  EXPECT_EQ(WaitOf(message).code, "not_eligible");
}

TEST_F(CheckInTest, DeviceWithoutACommonCodecIsNotEligible) {
  CreateTask();
  protocol::CheckIn message = Hello();
  message.codecs = {static_cast<learning::UpdateCodec>(77)};
  const protocol::RetryAfter wait = WaitOf(message);
  EXPECT_EQ(wait.code, "not_eligible");
  EXPECT_THAT(wait.sentence, HasSubstr("codec"));
}

TEST_F(CheckInTest, MemoryBelowTheLeastIsNotEligible) {
  const configuration::Task task = SmallTask();
  CreateTask(task);
  protocol::CheckIn message = Hello();
  const int64_t least = LeastMemory(task, message.num_examples);
  message.memory_bytes = least - 1;
  const protocol::RetryAfter wait = WaitOf(message);
  EXPECT_EQ(wait.code, "not_eligible");
  EXPECT_THAT(wait.sentence,
              HasSubstr(absl::StrCat("the device's memory limit, less what it "
                                     "keeps for messages and the network, "
                                     "lets training "
                                     "use ",
                                     least - 1,
                                     " bytes, task 'task' needs at "
                                     "least ",
                                     least)));
  message.memory_bytes = least;
  EXPECT_TRUE(std::holds_alternative<protocol::Assignment>(
      Require(CheckIn(1, message)).answer));
}

TEST_F(CheckInTest, FewExamplesNeedLessMemory) {
  configuration::Task task = SmallTask();
  task.training.batch_size = 512;
  CreateTask(task);
  const int64_t least = LeastMemory(task, /*num_examples=*/1);
  ASSERT_LT(least, LeastMemory(task, 512));
  protocol::CheckIn message = Hello();
  message.memory_bytes = least;
  message.num_examples = 512;
  EXPECT_EQ(WaitOf(message).code, "not_eligible");
  message.num_examples = 1;
  EXPECT_TRUE(std::holds_alternative<protocol::Assignment>(
      Require(CheckIn(1, message)).answer));
}

TEST_F(CheckInTest, RefusedCheckInsAreCountedForTheirRound) {
  CreateTask();
  protocol::CheckIn message = Hello();
  message.num_examples = 0;
  WaitOf(message);
  WaitOf(message);
  message.protocol = {2, 0};
  EXPECT_FALSE(CheckIn(1, message).ok());
  store_.SetFaults([](absl::string_view method) {
    return method == "RecordAssignment" ? testing::StoreFault::kBefore
                                        : testing::StoreFault::kNone;
  });
  EXPECT_FALSE(CheckIn(1).ok());
  const auto refused = engine().NoticesOf("task", Round().id).refused;
  ASSERT_THAT(refused, SizeIs(3));
  EXPECT_EQ(refused[0].code, RefusalCode::kNotEligible);
  EXPECT_EQ(refused[0].count, 2);
  EXPECT_EQ(refused[0].newest, "the device has no examples");
  EXPECT_EQ(refused[1].code, RefusalCode::kProtocolIncompatible);
  EXPECT_EQ(refused[2].code, RefusalCode::kStoreUnavailable);
}

TEST_F(CheckInTest, FullRoundsAndRepeatedCheckInsAreNotCountedAsRefused) {
  CreateTask();
  Assign(1);
  Require(Send(1, Assign(1).token, Update({1})));
  EXPECT_EQ(Wait(1).code, "already_contributed");
  Assign(2);
  Assign(3);
  EXPECT_EQ(Wait(4).code, "round_full");
  EXPECT_THAT(engine().NoticesOf("task", Round().id).refused, IsEmpty());
}

TEST_F(CheckInTest, MemoryLimitOfTheTaskCountsToo) {
  configuration::Task task = SmallTask();
  task.training.batch_size = 512;
  const int64_t least = LeastMemory(task, /*num_examples=*/1);
  task.device_limits.memory_bytes = least;
  CreateTask(task);
  protocol::CheckIn message = Hello();
  message.num_examples = 512;
  const protocol::RetryAfter wait = WaitOf(message);
  EXPECT_EQ(wait.code, "not_eligible");
  EXPECT_THAT(wait.sentence,
              HasSubstr(absl::StrCat("the task's device_limits.memory lets "
                                     "training use ",
                                     least, " bytes")));
}

TEST_F(CheckInTest, NoMoreThanMaxAssignedAreAdmitted) {
  CreateTask();
  Assign(1);
  Assign(2);
  Assign(3);
  EXPECT_EQ(Wait(4).code, "round_full");
  EXPECT_EQ(Round().assigned, 3);
}

TEST_F(CheckInTest, PlaceOfADeviceThatGaveUpIsNotGivenAway) {
  CreateTask();
  const std::string token = Assign(1).token;
  Assign(2);
  Assign(3);
  EXPECT_THAT(engine().Abandon(Device(1), token,
                               protocol::AbandonReason::kMemory, now_),
              IsOk());
  EXPECT_EQ(Wait(4).code, "round_full");
  EXPECT_EQ(Wait(1).code, "already_contributed");
}

TEST_F(CheckInTest, DeviceThatCrashedGetsItsAssignmentAgain) {
  CreateTask();
  const protocol::Assignment first = Assign(1);
  Pass(absl::Seconds(10));
  const protocol::Assignment again = Assign(1);
  EXPECT_EQ(again.round_id, first.round_id);
  EXPECT_EQ(again.time_left, absl::Seconds(50));
  EXPECT_EQ(Round().assigned, 1) << "counted once";
  EXPECT_THAT(Send(1, again.token, Update({1})), IsOk());
}

TEST_F(CheckInTest, DeviceGetsItsAssignmentAgainFromARestartedCoordinator) {
  CreateTask();
  const protocol::Assignment first = Assign(1);
  Restart();
  EXPECT_EQ(Assign(1).round_id, first.round_id);
  EXPECT_EQ(Round().assigned, 1);
}

TEST_F(CheckInTest, NobodyIsAdmittedAfterTheDeadline) {
  CreateTask();
  Assign(1);
  Pass(absl::Minutes(1));
  EXPECT_EQ(Wait(2).code, "round_full");
  EXPECT_EQ(Wait(1).code, "already_contributed");
}

TEST_F(CheckInTest, ContributorWaitsForTheNextRound) {
  CreateTask();
  Contribute(1);
  EXPECT_EQ(Wait(1).code, "already_contributed");
  Contribute(2);
  EXPECT_EQ(Assign(1).round_number, 2);
}

TEST_F(CheckInTest, DeviceWithACompleteUpdateIsNotAssignedAgain) {
  CreateTask();
  Require(Send(1, Assign(1).token, Update({1})));
  EXPECT_EQ(Wait(1).code, "already_contributed");
}

TEST_F(CheckInTest, SeparationOfOneAllowsEveryRound) {
  configuration::Task task = SmallTask();
  task.round.min_separation = 1;
  CreateTask(task);
  CommitRound(1, 2);
  EXPECT_EQ(Assign(1).round_number, 2);
}

TEST_F(CheckInTest, SeparationOfThreeSitsOutTwoRounds) {
  configuration::Task task = SmallTask();
  task.round.min_separation = 3;
  CreateTask(task);
  CommitRound(1, 2);
  EXPECT_EQ(Wait(1).code, "min_separation");
  CommitRound(3, 4);
  EXPECT_THAT(Wait(1).sentence, HasSubstr("1 more committed round"));
  CommitRound(5, 6);
  EXPECT_EQ(Assign(1).round_number, 4);
}

TEST_F(CheckInTest, SeparationSurvivesARestart) {
  configuration::Task task = SmallTask();
  task.round.min_separation = 2;
  CreateTask(task);
  CommitRound(1, 2);
  Restart();
  Advance();
  EXPECT_EQ(Wait(1).code, "min_separation");
}

TEST_F(CheckInTest, FailedRoundsDoNotCountAsSeparation) {
  configuration::Task task = SmallTask();
  task.round.min_separation = 2;
  CreateTask(task);
  CommitRound(1, 2);
  Assign(3);
  Pass(absl::Minutes(1));
  Advance();
  ASSERT_EQ(Round().state, RoundState::kFailed);
  Pass(absl::Seconds(1));
  Advance();
  EXPECT_EQ(Wait(1).code, "min_separation");
}

TEST_F(CheckInTest, SeparationHoldsAcrossTheTasksOfAPopulation) {
  configuration::Task task = SmallTask("a");
  task.round.min_separation = 2;
  CreateTask(task);
  task.name = "b";
  CreateTask(task);
  const protocol::Assignment first = Assign(1);
  Require(Send(1, first.token, Update({1})));
  Advance();
  // Task b has free places, but the contribution to a will be the next one.
  EXPECT_THAT(Wait(1).code, AnyOf("min_separation", "already_contributed"));
  Contribute(2);
  Contribute(3);
  ASSERT_EQ(TaskNamed("a").rounds_committed, 1);
  EXPECT_EQ(Wait(1).code, "min_separation");
}

TEST_F(CheckInTest, TaskThatNeedsDevicesMostIsServedFirst) {
  CreateTask(SmallTask("a"));
  CreateTask(SmallTask("b"));
  EXPECT_EQ(Assign(1).task, "a");
  EXPECT_EQ(Assign(2).task, "b");
  EXPECT_EQ(Assign(3).task, "a");
  EXPECT_EQ(Assign(4).task, "b");
}

TEST_F(CheckInTest, DeviceIsNotedAsSeen) {
  CreateTask();
  Assign(1);
  const DeviceRow row = Require(memory_->GetDevice(Device(1).id));
  EXPECT_EQ(row.last_seen, now_);
  EXPECT_EQ(row.population, "population");
  EXPECT_EQ(row.num_examples, 10);
}

TEST_F(CheckInTest, AdmissionThatCannotBeWrittenIsNoAdmission) {
  CreateTask();
  store_.SetFaults([](absl::string_view method) {
    return method == "RecordAssignment" ? testing::StoreFault::kBefore
                                        : testing::StoreFault::kNone;
  });
  EXPECT_THAT(CheckIn(1), IsRefusal(RefusalCode::kStoreUnavailable));
  EXPECT_THAT(engine().LastError(), StatusIs(absl::StatusCode::kUnavailable));
  store_.SetFaults(nullptr);
  for (int device = 2; device <= 4; ++device) Assign(device);
  EXPECT_EQ(Round().assigned, 3) << "the failed one has taken no place";
}

TEST_F(CheckInTest, AdmissionOfUnknownOutcomeIsNotCountedTwice) {
  CreateTask();
  store_.SetFaults([](absl::string_view method) {
    return method == "RecordAssignment" ? testing::StoreFault::kAfter
                                        : testing::StoreFault::kNone;
  });
  EXPECT_THAT(CheckIn(1), IsRefusal(RefusalCode::kStoreUnavailable));
  store_.SetFaults(nullptr);
  Assign(1);
  Advance();
  Assign(1);
  EXPECT_EQ(Round().assigned, 1);
}

TEST_F(CheckInTest, DevicesOfASmallFleetReturnSoonAfterTheNextRoundOpens) {
  configuration::Task task = SmallTask();
  task.round.cohort = 10;
  task.round.over_selection = 1;
  CreateTask(task);
  // Rounds of half a second with a fleet of 20.
  for (int round = 0; round < 3; ++round) {
    std::vector<std::string> tokens;
    for (int device = 1; device <= 10; ++device) {
      tokens.push_back(Assign(device).token);
    }
    for (int device = 11; device <= 20; ++device) Wait(device);
    Pass(absl::Milliseconds(500));
    for (int device = 1; device <= 10; ++device) {
      Require(Send(device, tokens[device - 1], Update({1})));
    }
    Advance();
  }
  for (int device = 1; device <= 10; ++device) Assign(device);
  Pass(absl::Milliseconds(100));
  for (int device = 11; device <= 20; ++device) {
    EXPECT_THAT(Wait(device).delay, AllOf(Ge(absl::Milliseconds(400)),
                                          Le(absl::Milliseconds(550))));
  }
}

TEST_F(CheckInTest, ReceiptOfTheLastReportSendsTheDeviceBackAtOnce) {
  CreateTask();
  Contribute(1);
  Pass(absl::Seconds(1));
  EXPECT_LE(Contribute(2).next_check_in, absl::Milliseconds(50));
}

}  // namespace
}  // namespace shoal::coordinator
