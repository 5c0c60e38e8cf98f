// Rounds with secure aggregation, from check-in to model, with real members.
#include <array>
#include <map>

#include "tests/coordinator/engine/round_groups_fixture.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::SizeIs;

using RoundGroupsTest = RoundGroupsFixture;

TEST_F(RoundGroupsTest, TheSumOfAGroupBecomesTheNextModel) {
  Begin(SecureTask(8));
  Train(8);
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(First().accepted, 8);
  int64_t examples = 0;
  for (int i = 0; i < 8; ++i) examples += Examples(i);
  EXPECT_EQ(First().total_examples, examples);
  EXPECT_NEAR(*First().train_loss, 0.5, 1e-6);
  for (const auto& device : devices_) {
    EXPECT_TRUE(device->receipt().has_value()) << device->refusal();
    EXPECT_EQ(device->num_afresh(), 0);
  }
  ExpectMeanOf(AllBut(8, {}));
}

TEST_F(RoundGroupsTest, ALargeCohortIsSplitIntoEvenGroups) {
  configuration::Task task = SecureTask(10);
  task.secure_aggregation->max_group = 6;
  Begin(task);
  Train(10);
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(First().accepted, 10);
  ExpectMeanOf(AllBut(10, {}));
}

TEST_F(RoundGroupsTest, NobodyIsLeftOverThatFitsIntoAGroup) {
  configuration::Task task = SecureTask(13);
  task.secure_aggregation->max_group = 5;
  task.round.min_reports = 13;
  Begin(task);
  Train(13);
  Exchange();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(First().accepted, 13);
}

TEST_F(RoundGroupsTest, WhereNotAllFitIntoGroupsTheseAreFull) {
  configuration::Task task = SecureTask(11);
  task.secure_aggregation->min_group = 6;
  task.secure_aggregation->max_group = 9;
  task.round.min_reports = 9;
  Begin(task);
  Train(11);
  Exchange();  // nobody else can come: no time passes
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(First().accepted, 9);
}

TEST_F(RoundGroupsTest, DevicesBeyondTheCohortMakeOneGroupMore) {
  configuration::Task task = SecureTask(11);
  task.secure_aggregation->min_group = 6;
  task.secure_aggregation->max_group = 9;
  task.round.over_selection = 1.1;  // 13
  task.round.min_reports = 11;
  Begin(task);
  Train(13, {{4, GroupStep::kJoin}});
  Exchange();
  // Twelve are enough for two groups, and the thirteenth may come.
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(First().accepted, 12);
}

TEST_F(RoundGroupsTest, FullGroupsAreFormedWhenTooManyHaveGivenUp) {
  configuration::Task task = SecureTask(11);
  task.secure_aggregation->min_group = 6;
  task.secure_aggregation->max_group = 9;
  task.round.over_selection = 1.1;  // 13
  task.round.min_reports = 9;
  Begin(task);
  Train(13, {{4, GroupStep::kJoin}, {5, GroupStep::kJoin}});
  Exchange();
  EXPECT_EQ(First().accepted, 0);  // eleven wait for a twelfth
  Require(engine().Abandon(Device(4), devices_[4]->token(),
                           protocol::AbandonReason::kEnergy, now_));
  Exchange();
  EXPECT_EQ(First().accepted, 0);
  Require(engine().Abandon(Device(5), devices_[5]->token(),
                           protocol::AbandonReason::kEnergy, now_));
  Advance();
  Exchange();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(First().accepted, 9);
}

TEST_F(RoundGroupsTest, WhoHasSharedInAGroupIsNotWaitedForInAnother) {
  configuration::Task task = SecureTask(12);
  task.secure_aggregation->max_group = 6;
  Begin(task);
  Train(12, {{5, GroupStep::kShares}});
  for (int i = 0; i < 6; ++i) devices_[i]->Act(engine(), now_);
  Advance();
  for (int i = 0; i < 5; ++i) devices_[i]->Act(engine(), now_);
  Advance();
  ASSERT_EQ(devices_[0]->step(), GroupStep::kShares);
  for (int i = 10; i < 12; ++i) {
    Require(engine().Abandon(Device(i), devices_[i]->token(),
                             protocol::AbandonReason::kEnergy, now_));
  }
  for (int i = 6; i < 10; ++i) devices_[i]->Act(engine(), now_);
  Advance();
  for (int i = 6; i < 10; ++i) {
    EXPECT_EQ(devices_[i]->step(), GroupStep::kShares) << i;
  }
}

TEST_F(RoundGroupsTest, MembersThatLeaveBeforeSharingAreNotInTheSum) {
  Begin(SecureTask(8));
  Train(8, {{2, GroupStep::kShares}, {5, GroupStep::kShares}});
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(First().accepted, 6);
  ExpectMeanOf(AllBut(8, {2, 5}));
}

TEST_F(RoundGroupsTest, MembersThatLeaveBeforeMaskingAreNotInTheSum) {
  Begin(SecureTask(8));
  Train(8, {{2, GroupStep::kMask}, {5, GroupStep::kMask}});
  RunToEnd();
  EXPECT_EQ(First().accepted, 6);
  ExpectMeanOf(AllBut(8, {2, 5}));
}

TEST_F(RoundGroupsTest, MembersThatLeaveBeforeUnmaskingAreInTheSum) {
  Begin(SecureTask(8));
  Train(8, {{2, GroupStep::kUnmask}, {5, GroupStep::kUnmask}});
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(First().accepted, 8);
  ExpectMeanOf(AllBut(8, {}));
}

TEST_F(RoundGroupsTest, AGroupOfAnotherPlanIsNotGoneOnWith) {
  Begin(SecureTask(8));
  Train(8, {{7, GroupStep::kShares}});
  Exchange();
  const std::vector<GroupRow> rows = Require(memory_->ReadGroupRows(1));
  ASSERT_FALSE(rows.empty());
  const Lease lease = Require(memory_->AcquireLease(
      "task", options_.replica, now_, options_.lease_duration));
  SHOAL_ASSERT_OK(memory_->AppendGroupRows(
      {1, Sha256("as another version names it"), 0, {rows[0].row}, lease}));
  Restart();
  Advance();
  EXPECT_EQ(First().failure, "corrupt_rows");
  EXPECT_THAT(Faults(), IsEmpty());
}

TEST_F(RoundGroupsTest, WhatBecameOfGroupsOutlivesTheRound) {
  configuration::Task task = SecureTask(8);
  task.round.min_reports = 5;
  Begin(task);
  Train(8,
        {{1, GroupStep::kMask}, {2, GroupStep::kMask}, {3, GroupStep::kMask}});
  RunToEnd();
  ASSERT_EQ(First().state, RoundState::kCommitted);
  const std::vector<GroupSummary> groups =
      Require(memory_->ReadRound(1)).groups;
  ASSERT_THAT(groups, SizeIs(2));
  EXPECT_EQ(groups[0].members, 8);
  EXPECT_EQ(groups[0].lost, (std::array<int, 4>{0, 3, 0, 0}));
  EXPECT_THAT(groups[0].burnt, HasSubstr("only 5 members sent masked input"));
  EXPECT_EQ(groups[1].members, 5);
  EXPECT_EQ(groups[1].lost, (std::array<int, 4>{}));
  EXPECT_EQ(groups[1].burnt, "");
  EXPECT_THAT(Faults(), IsEmpty());
}

TEST_F(RoundGroupsTest, AMemberThatLeavesAfterItHasMaskedStaysInTheSum) {
  Begin(SecureTask(8));
  Train(8, {{7, GroupStep::kMask}});
  Exchange();
  ASSERT_TRUE(devices_[0]->has_uploaded());
  devices_[0]->Abort(engine(), now_);
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(First().accepted, 7);
  EXPECT_EQ(devices_[1]->num_afresh(), 0);
  ExpectMeanOf(AllBut(8, {7}));
}

TEST_F(RoundGroupsTest, AGroupIsBurntWhetherTheStoreSaysSoOrNot) {
  for (const auto fault :
       {testing::StoreFault::kBefore, testing::StoreFault::kAfter}) {
    configuration::Task task = SecureTask(8);
    task.name = fault == testing::StoreFault::kBefore ? "before" : "after";
    task.round.min_reports = 5;
    task.population = task.name;
    devices_.clear();
    store_.SetError(absl::UnavailableError("for a moment"));
    store_.SetFaults([&, failed = false](absl::string_view method) mutable {
      if (failed || method != "BurnGroup") return testing::StoreFault::kNone;
      failed = true;
      return fault;
    });
    SHOAL_ASSERT_OK(engine().CreateTask(task, "", now_));
    Advance();
    protocol::CheckIn hello = Hello();
    hello.population = task.population;
    for (int i = 0; i < 8; ++i) {
      const auto answer = Require(CheckIn(i, hello));
      devices_.push_back(std::make_unique<GroupDevice>(
          i, std::get<protocol::Assignment>(answer.answer), Values(i),
          Examples(i), rng_, i < 3 ? GroupStep::kMask : GroupStep::kNever));
    }
    const int64_t id = Round(task.name).id;
    for (int i = 0; i < 90; ++i) {
      Exchange();
      if (IsFinal(Require(memory_->GetRound(id)).state)) break;
      Pass(absl::Seconds(1));
      Advance();
    }
    const RoundRow round = Require(memory_->GetRound(id));
    EXPECT_EQ(round.state, RoundState::kCommitted) << round.failure;
    EXPECT_EQ(round.accepted, 5);
    EXPECT_EQ(devices_[5]->num_afresh(), 1);
  }
}

TEST_F(RoundGroupsTest, NoReceiptIsGivenOnceTheRoundHasFailed) {
  Begin(SecureTask(8));
  std::map<int, GroupStep> leave;
  for (int i = 1; i < 8; ++i) leave[i] = GroupStep::kUnmask;
  leave[0] = GroupStep::kUnmask;
  Train(8, leave);
  RunToEnd();
  ASSERT_EQ(First().state, RoundState::kFailed);
  devices_[0]->LoseSecrets();
  absl::Status told;
  told = engine().Aggregate(
      Device(0), {devices_[0]->token(), std::nullopt, "keys"}, now_,
      [&](const absl::StatusOr<protocol::AggregateAnswer>& answer) {
        told = answer.status();
      });
  Advance();
  EXPECT_THAT(told, IsRefusal(RefusalCode::kRoundOver));
}

TEST_F(RoundGroupsTest, WhoSitsInAGroupIsDrawnFromThoseThatWait) {
  configuration::Task task = SecureTask(9);
  task.secure_aggregation->min_group = 3;
  task.secure_aggregation->max_group = 3;
  Begin(task);
  Train(9);
  for (auto& device : devices_) device->Act(engine(), now_);
  RunToEnd();
  ASSERT_EQ(First().state, RoundState::kCommitted) << First().failure;
  ExpectMeanOf(AllBut(9, {}));
  std::map<Digest, std::vector<int>> groups;
  for (int i = 0; i < 9; ++i) {
    ASSERT_THAT(devices_[i]->asked(), SizeIs(1));
    groups[devices_[i]->asked().begin()->first].push_back(i);
  }
  ASSERT_THAT(groups, SizeIs(3));
  int in_order = 0;
  for (const auto& [session, members] : groups) {
    ASSERT_THAT(members, SizeIs(3));
    in_order += members[2] - members[0] == 2;
  }
  EXPECT_LT(in_order, 3);
}

TEST_F(RoundGroupsTest, NobodyIsAskedToUnmaskBeforeTheSeal) {
  configuration::Task task = SecureTask(10);
  task.secure_aggregation->max_group = 5;
  task.round.min_reports = 10;
  Begin(task);
  Train(10, {{9, GroupStep::kMask}});
  Exchange();  // the first group has masked, the second waits for a member
  EXPECT_EQ(First().state, RoundState::kCollecting);
  for (const auto& device : devices_) {
    EXPECT_LT(device->step(), GroupStep::kUnmask);
  }
}

TEST_F(RoundGroupsTest, ABurntGroupBeginsAfreshWithoutThoseThatLeft) {
  configuration::Task task = SecureTask(8);
  task.round.min_reports = 5;
  Begin(task);
  Train(8,
        {{1, GroupStep::kMask}, {2, GroupStep::kMask}, {3, GroupStep::kMask}});
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(First().accepted, 5);
  EXPECT_EQ(devices_[0]->num_afresh(), 1);
  ExpectMeanOf(AllBut(8, {1, 2, 3}));
}

TEST_F(RoundGroupsTest, ARoundWhoseSumCannotBeUnmaskedFails) {
  Begin(SecureTask(8));
  std::map<int, GroupStep> leave;
  for (int i = 0; i < 8; ++i) leave[i] = GroupStep::kUnmask;
  Train(8, leave);
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kFailed);
  EXPECT_EQ(First().failure, "unmasking");
  EXPECT_THAT(Require(memory_->ReadGroupRows(1)), ::testing::IsEmpty());
}

TEST_F(RoundGroupsTest, TooFewDevicesForAGroupAreTooFewReports) {
  Begin(SecureTask(8));
  Train(3);
  RunToEnd();
  EXPECT_EQ(First().failure, "min_reports");
  for (const auto& device : devices_) {
    EXPECT_THAT(device->refusal(),
                ::testing::AnyOf(IsRefusal(RefusalCode::kRoundOver),
                                 IsRefusal(RefusalCode::kTokenExpired)));
  }
}

TEST_F(RoundGroupsTest, EveryRestartOfTheCoordinatorGoesOn) {
  for (const int every : {1, 2, 3}) {
    SCOPED_TRACE(every);
    restart_after_ = every;
    devices_.clear();
    if (every == 1) Begin(SecureTask(8));
    const std::vector<float> before = Model();
    initial_ = before;
    const int64_t number = TaskNamed().rounds_committed;
    Train(8, {{3, GroupStep::kUnmask}});
    RunToEnd();
    EXPECT_EQ(TaskNamed().rounds_committed, number + 1);
    ExpectMeanOf(AllBut(8, {}));
    restart_after_ = 0;
    Pass(absl::Minutes(1));
    Restart();
    Advance();
  }
}

TEST_F(RoundGroupsTest, WhoWaitsIsSentAwayWhenTheCoordinatorStops) {
  Begin(SecureTask(8));
  Train(4);
  for (auto& device : devices_) device->Act(engine(), now_);
  Advance();
  EXPECT_TRUE(devices_[0]->is_waiting());
  engine().StopAdmitting();
  Advance();
  EXPECT_THAT(devices_[0]->refusal(), IsRefusal(RefusalCode::kShuttingDown));
}

TEST_F(RoundGroupsTest, ADeviceThatLostItsSecretsJoinsAnew) {
  Begin(SecureTask(8));
  Train(8, {{7, GroupStep::kShares}});
  Exchange();
  devices_[0]->LoseSecrets();
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  ExpectMeanOf(AllBut(8, {0, 7}));
}

TEST_F(RoundGroupsTest, WhoJoinsAnewIsToldNothingOfItsOldGroup) {
  Begin(SecureTask(8));
  Train(8, {{7, GroupStep::kShares}});
  Exchange();  // all but one have dealt their shares
  store_.SetError(absl::UnavailableError("for a moment"));
  store_.SetFaults([](absl::string_view method) {
    return method == "AppendGroupRows" ? testing::StoreFault::kBefore
                                       : testing::StoreFault::kNone;
  });
  for (int i = 0; i < 4; ++i) devices_[i]->LoseSecrets();
  Exchange();  // their new group cannot be written
  store_.SetFaults(nullptr);
  Pass(absl::Seconds(1));
  Advance();
  Exchange();
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(devices_[i]->num_afresh(), 1);
    EXPECT_TRUE(devices_[i]->has_uploaded()) << devices_[i]->refusal();
  }
}

TEST_F(RoundGroupsTest, ADeviceThatLostItsSecretsAfterMaskingGetsItsReceipt) {
  configuration::Task task = SecureTask(8);
  Begin(task);
  Train(8, {{7, GroupStep::kMask}});
  Exchange();  // all but one have masked
  ASSERT_TRUE(devices_[0]->has_uploaded());
  const std::string upload = devices_[0]->upload();
  devices_[0]->LoseSecrets();
  Exchange();
  ASSERT_TRUE(devices_[0]->receipt().has_value());
  EXPECT_EQ(devices_[0]->receipt()->digest, Sha256(upload));
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  ExpectMeanOf(AllBut(8, {7}));
}

TEST_F(RoundGroupsTest, TheOrderInWhichDevicesSpeakDoesNotMatter) {
  Begin(SecureTask(8));
  Train(8);
  std::reverse(devices_.begin(), devices_.end());
  RunToEnd();
  const std::vector<float> model = Model();
  ExpectMeanOf(AllBut(8, {}));
  EXPECT_EQ(First().state, RoundState::kCommitted);
}

TEST_F(RoundGroupsTest, StoreErrorsAreSurvived) {
  int calls = 0;
  store_.SetError(absl::UnavailableError("for a moment"));
  store_.SetFaults([&](absl::string_view method) {
    const bool is_write = method == "AppendGroupRows" ||
                          method == "CommitSegment" ||
                          method == "RevealRound" || method == "BurnGroup";
    if (!is_write) return testing::StoreFault::kNone;
    ++calls;
    if (calls % 3 == 0) return testing::StoreFault::kBefore;
    return calls % 3 == 1 ? testing::StoreFault::kAfter
                          : testing::StoreFault::kNone;
  });
  Begin(SecureTask(8));
  Train(8, {{1, GroupStep::kMask}});
  RunToEnd();
  store_.SetFaults(nullptr);
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(First().accepted, 7);
  ExpectMeanOf(AllBut(8, {1}));
}

TEST_F(RoundGroupsTest, ADeviceThatDoesNotSpeakItIsNotEligible) {
  Begin(SecureTask(8));
  protocol::CheckIn old = Hello();
  old.secure_aggregation_versions.clear();
  const auto answer = Require(CheckIn(0, old));
  EXPECT_EQ(std::get<protocol::RetryAfter>(answer.answer).code, "not_eligible");
}

TEST_F(RoundGroupsTest, SignedSettingsNeedSomebodyWhoChecks) {
  configuration::Task task = SecureTask(8);
  task.secure_aggregation->coordinator =
      secure_aggregation::CoordinatorTrust::kSemiMalicious;
  EXPECT_THAT(engine().CreateTask(task, "", now_),
              testing::StatusIs(absl::StatusCode::kInvalidArgument,
                                ::testing::HasSubstr("only honest")));
}

}  // namespace
}  // namespace shoal::coordinator
