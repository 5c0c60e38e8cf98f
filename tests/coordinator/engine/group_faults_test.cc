// Devices that break the protocol of secure aggregation, and those that do not.
#include <string>
#include <vector>

#include "tests/coordinator/engine/round_groups_fixture.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;
using ::testing::StartsWith;

using GroupFaultsTest = RoundGroupsFixture;

TEST_F(GroupFaultsTest, WhoeverJoinsAgainAndAgainIsRefused) {
  Begin(SecureTask(8));
  Train(1);
  for (int i = 0; i < 12; ++i) {
    EXPECT_TRUE(devices_[0]->refusal().ok()) << i;
    devices_[0]->LoseSecrets();
    devices_[0]->Act(engine(), now_);
    Advance();
  }
  EXPECT_THAT(devices_[0]->refusal(), IsRefusal(RefusalCode::kGroupFault));
  EXPECT_THAT(Faults(), ElementsAre(HasSubstr("0: on joining a group: it joins "
                                              "again and again")));
  EXPECT_EQ(OutcomeOf(0, 1), "refused: group_fault");
}

TEST_F(GroupFaultsTest, WhoeverHasToJoinAgainBecauseOfOthersIsNot) {
  Begin(SecureTask(8));
  Train(8);
  // The others burn each group of device 0 by beginning anew.
  for (int i = 0; i < 12; ++i) {
    for (int other = 1; other < 8; ++other) {
      devices_[other]->LoseSecrets();
      devices_[other]->Act(engine(), now_);
    }
    Advance();
    for (int call = 0; call < 3; ++call) {
      devices_[0]->Act(engine(), now_);
      Advance();
    }
  }
  EXPECT_GE(devices_[0]->num_afresh(), 4);
  EXPECT_TRUE(devices_[0]->refusal().ok()) << devices_[0]->refusal();
  EXPECT_THAT(Faults(), SizeIs(7));
  EXPECT_THAT(Faults(), Not(Contains(StartsWith("0: "))));
}

TEST_F(GroupFaultsTest, KeysThatAreNoneAreAFault) {
  Begin(SecureTask(8));
  Train(8);
  devices_[2]->ChangeMessages([](GroupStep step, std::string message) {
    return step == GroupStep::kJoin ? "nonsense" : message;
  });
  RunToEnd();
  EXPECT_THAT(devices_[2]->refusal(), IsRefusal(RefusalCode::kGroupFault));
  EXPECT_THAT(Faults(), ElementsAre(StartsWith("2: on joining a group: ")));
  EXPECT_EQ(OutcomeOf(2, 1), "refused: group_fault");
  ExpectMeanOf(AllBut(8, {2}));
}

TEST_F(GroupFaultsTest, NobodyIsToldOfAFaultThatIsNotDurable) {
  Begin(SecureTask(8));
  Train(1);
  devices_[0]->ChangeMessages(
      [](GroupStep, std::string) { return "nonsense"; });
  store_.SetError(absl::UnavailableError("for a moment"));
  store_.SetFaults([](absl::string_view method) {
    return method == "RecordFault" ? testing::StoreFault::kBefore
                                   : testing::StoreFault::kNone;
  });
  Exchange();
  EXPECT_TRUE(devices_[0]->refusal().ok());
  EXPECT_THAT(Faults(), IsEmpty());
  store_.SetFaults(nullptr);
  devices_[0]->Reconnect();
  Exchange();
  EXPECT_THAT(devices_[0]->refusal(), IsRefusal(RefusalCode::kGroupFault));
  EXPECT_THAT(Faults(), SizeIs(1));
}

TEST_F(GroupFaultsTest, ACertificateThatExpiresIsNoFault) {
  configuration::Task task = SecureTask(8);
  task.secure_aggregation->coordinator =
      secure_aggregation::CoordinatorTrust::kSemiMalicious;
  Certify();
  Begin(task);
  Train(8);
  ca_.Expire(Device(1).id);  // before it joins
  for (auto& device : devices_) device->Act(engine(), now_);
  Advance();
  EXPECT_THAT(devices_[1]->refusal(), IsRefusal(RefusalCode::kUnauthenticated));
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(OutcomeOf(1, 1), "refused: unauthenticated");
  EXPECT_THAT(Faults(), IsEmpty());
  ExpectMeanOf(AllBut(8, {1}));
}

TEST_F(GroupFaultsTest, NorIsOneThatExpiresInAGroup) {
  configuration::Task task = SecureTask(8);
  task.secure_aggregation->coordinator =
      secure_aggregation::CoordinatorTrust::kSemiMalicious;
  Certify();
  Begin(task);
  Train(8);
  for (auto& device : devices_) device->Act(engine(), now_);
  Advance();
  ASSERT_EQ(devices_[1]->step(), GroupStep::kShares);
  ca_.Expire(Device(1).id);
  // The others' view of it is theirs: here they have its keys already.
  devices_[1]->Act(engine(), now_);
  Advance();
  EXPECT_THAT(Faults(), IsEmpty());
  EXPECT_THAT(devices_[1]->afresh_reasons(),
              ElementsAre(HasSubstr("cannot be checked")));
}

TEST_F(GroupFaultsTest, WhatIsNotKnownOfAMessageChangesNoKeys) {
  Begin(SecureTask(8));
  Train(8);
  // A later device's message has one field more.
  devices_[0]->ChangeMessages([](GroupStep step, std::string message) {
    return step == GroupStep::kJoin ? message + "\xf8\x07\x01" : message;
  });
  devices_[0]->Act(engine(), now_);
  Advance();
  Pass(absl::Seconds(11));
  Advance();
  ASSERT_FALSE(devices_[0]->is_waiting());
  for (int i = 1; i < 8; ++i) devices_[i]->Act(engine(), now_);
  Advance();  // the group is formed while device 0 does not listen
  ASSERT_EQ(devices_[1]->step(), GroupStep::kShares);
  RunToEnd();
  EXPECT_EQ(devices_[0]->num_afresh(), 0);
  EXPECT_EQ(First().accepted, 8);
  ExpectMeanOf(AllBut(8, {}));
}

TEST_F(GroupFaultsTest, AFaultBarsItsDeviceAfterARestartToo) {
  Begin(SecureTask(8));
  Train(8, {{7, GroupStep::kUnmask}});
  devices_[3]->ChangeMessages([](GroupStep step, std::string message) {
    return step == GroupStep::kUnmask ? "nonsense" : message;
  });
  Exchange();
  ASSERT_EQ(First().state, RoundState::kSealed);
  ASSERT_THAT(devices_[3]->refusal(), IsRefusal(RefusalCode::kGroupFault));
  const std::vector<std::string> faults = Faults();
  EXPECT_THAT(faults,
              ElementsAre(AllOf(StartsWith("3: in group "),
                                HasSubstr("which lost it at unmasking: "))));
  EXPECT_EQ(OutcomeOf(3, 1), "contributed");

  Restart();
  absl::Status told;
  SHOAL_ASSERT_OK(engine().Aggregate(
      Device(3), {devices_[3]->token(), std::nullopt, "keys"}, now_,
      [&](const absl::StatusOr<protocol::AggregateAnswer>& answer) {
        told = answer.status();
      }));
  Advance();
  EXPECT_THAT(told, IsRefusal(RefusalCode::kGroupFault));
  for (auto& device : devices_) device->Reconnect();
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(Faults(), faults);
}

TEST_F(GroupFaultsTest, WhoeverComesWithKeysOfAnotherIsRefusedAlone) {
  Begin(SecureTask(8));
  Train(8);
  std::string keys;
  devices_[0]->ChangeMessages([&](GroupStep step, std::string message) {
    if (step == GroupStep::kJoin) keys = message;
    return message;
  });
  devices_[1]->ChangeMessages([&](GroupStep step, std::string message) {
    return step == GroupStep::kJoin ? keys : message;
  });
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_THAT(devices_[1]->refusal(), IsRefusal(RefusalCode::kGroupFault));
  ExpectMeanOf(AllBut(8, {1}));
  EXPECT_THAT(Faults(), ElementsAre(HasSubstr("a key of another device")));
}

TEST_F(GroupFaultsTest, AFaultIsOfItsRoundAlone) {
  configuration::Task task = SecureTask(8);
  task.round.min_reports = 6;
  Begin(task);
  Train(8);
  devices_[4]->ChangeMessages([](GroupStep step, std::string message) {
    return step == GroupStep::kShares ? "nonsense" : message;
  });
  RunToEnd();
  ASSERT_EQ(First().state, RoundState::kCommitted);
  devices_.clear();
  Pass(absl::Minutes(1));
  Advance();
  Train(8);
  RunToEnd();
  EXPECT_TRUE(devices_[4]->receipt().has_value()) << devices_[4]->refusal();
  EXPECT_EQ(TaskNamed().rounds_committed, 2);
  EXPECT_EQ(Require(memory_->GetRound(2)).accepted, 8);
  EXPECT_THAT(Faults(1), SizeIs(1));
}

TEST_F(GroupFaultsTest, ADeviceThatBreaksTheProtocolIsExcludedAndNamed) {
  Begin(SecureTask(8));
  Train(8);
  devices_[4]->ChangeMessages([](GroupStep step, std::string message) {
    return step == GroupStep::kShares ? "nonsense" : message;
  });
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(First().accepted, 7);
  EXPECT_THAT(devices_[4]->refusal(), IsRefusal(RefusalCode::kGroupFault));
  EXPECT_EQ(OutcomeOf(4, 1), "refused: group_fault");
  ExpectMeanOf(AllBut(8, {4}));
}

TEST_F(GroupFaultsTest, MaskedInputWithoutItsVectorsIsRefused) {
  Begin(SecureTask(8));
  Train(8, {{7, GroupStep::kMask}});
  devices_[0]->SendMaskedInputAlone();
  Exchange();
  EXPECT_THAT(devices_[0]->refusal(), IsRefusal(RefusalCode::kBadRequest));
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  ExpectMeanOf(AllBut(8, {0, 7}));
}

TEST_F(GroupFaultsTest, VectorsWithAnotherMessageExcludeTheirDevice) {
  Begin(SecureTask(8));
  Train(8);
  devices_[3]->ChangeMessages([](GroupStep step, std::string message) {
    return step == GroupStep::kMask ? "" : message;
  });
  RunToEnd();
  EXPECT_THAT(devices_[3]->refusal(), IsRefusal(RefusalCode::kGroupFault));
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  ExpectMeanOf(AllBut(8, {3}));
}

}  // namespace
}  // namespace shoal::coordinator
