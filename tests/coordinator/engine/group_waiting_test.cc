// How long rounds and groups of secure aggregation wait for devices.
#include <memory>
#include <string>

#include "tests/coordinator/engine/round_groups_fixture.h"

namespace shoal::coordinator {
namespace {

using GroupWaitingTest = RoundGroupsFixture;

TEST_F(GroupWaitingTest, NoTimePassesWhenNobodyIsMissing) {
  Begin(SecureTask(8));
  Train(8);
  Exchange();
  EXPECT_EQ(First().state, RoundState::kCommitted);
}

TEST_F(GroupWaitingTest, SilentMembersAreNotWaitedForWhenEnoughHaveAnswered) {
  for (const GroupStep step : {GroupStep::kMask, GroupStep::kUnmask}) {
    devices_.clear();
    if (step == GroupStep::kMask) Begin(SecureTask(8));
    const int64_t before = TaskNamed().rounds_committed;
    Train(8, {{2, step}, {5, step}});
    const absl::Time began = now_;
    RunToEnd();
    EXPECT_EQ(TaskNamed().rounds_committed, before + 1);
    // The window is 20 s.
    EXPECT_LE(now_ - began, absl::Seconds(5));
  }
}

TEST_F(GroupWaitingTest, TheEngineSaysWhenItHasWaitedLongEnough) {
  Begin(SecureTask(8));
  Train(8, {{2, GroupStep::kUnmask}});
  Exchange();
  EXPECT_EQ(First().state, RoundState::kSealed);
  const absl::Time began = now_;
  for (int i = 0; i < 20 && First().state == RoundState::kSealed; ++i) {
    now_ = Advance();
  }
  EXPECT_EQ(First().state, RoundState::kCommitted);
  EXPECT_LE(First().finished - began, absl::Seconds(3));
}

TEST_F(GroupWaitingTest, NorDoesItWaitLongerBecauseOthersCallAllTheTime) {
  Begin(SecureTask(8));
  Train(8, {{2, GroupStep::kUnmask}});
  Exchange();
  EXPECT_EQ(First().state, RoundState::kSealed);
  const absl::Time began = now_;
  for (int i = 0; i < 500 && First().state == RoundState::kSealed; ++i) {
    Pass(absl::Milliseconds(10));
    Wait(20);
    Advance();
  }
  EXPECT_EQ(First().state, RoundState::kCommitted);
  EXPECT_LE(First().finished - began, absl::Seconds(3));
}

// Five of eight have masked, two are gone, and one sends a byte a second. Six
// are needed.
class SlowSenderTest : public RoundGroupsFixture {
 protected:
  SlowSenderTest() {
    configuration::Task task = SecureTask(8);
    task.round.min_reports = 5;
    task.round.deadline = absl::Minutes(10);
    Begin(task);
    Train(8, {{5, GroupStep::kMask}, {6, GroupStep::kMask}});
    while (devices_[7]->upload().empty()) {
      for (auto& device : devices_) device->Act(engine(), now_);
      Advance();
    }
    upload_ = devices_[7]->upload();
    Exchange(/*num_devices=*/5);
    stream_ = Require(Begin(7, devices_[7]->token(), upload_)).stream;
  }
  // What the first devices can do.
  void Exchange(int num_devices) {
    for (int i = 0; i < 20; ++i) {
      for (int k = 0; k < num_devices; ++k) devices_[k]->Act(engine(), now_);
      Advance();
    }
  }
  // A second passes.
  void Drip() {
    Pass(absl::Seconds(1));
    const std::string byte = upload_.substr(sent_, 1);
    stream_->Append(sent_++, byte, Crc32(byte)).IgnoreError();
    Advance();
    Exchange(5);
  }
  using EngineTest::Begin;
  using RoundGroupsFixture::Begin;

  std::string upload_;
  std::unique_ptr<UploadStream> stream_;
  int64_t sent_ = 0;
};

TEST_F(SlowSenderTest, KeepsItsGroupWaitingForTwoWindowsAtMost) {
  const absl::Time began = now_;
  while (!IsFinal(First().state) && now_ < began + absl::Minutes(2)) Drip();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(First().accepted, 5);
  EXPECT_EQ(devices_[0]->num_afresh(), 1);
  EXPECT_GE(now_ - began, absl::Seconds(40));  // the window is 20 s
  EXPECT_LE(now_ - began, absl::Seconds(45));
}

TEST_F(SlowSenderTest, NorLongerAfterARestart) {
  for (int i = 0; i < 10; ++i) Drip();
  stream_.reset();
  Restart();
  for (auto& device : devices_) device->Reconnect();
  Advance();
  stream_ = Require(Begin(7, devices_[7]->token(), upload_)).stream;
  sent_ = 0;
  const absl::Time began = now_;
  while (!IsFinal(First().state) && now_ < began + absl::Minutes(2)) Drip();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_LE(now_ - began, absl::Seconds(45));
}

TEST_F(SlowSenderTest, IsInTheSumWhenItIsThereByThen) {
  for (int i = 0; i < 30; ++i) Drip();
  SHOAL_ASSERT_OK(stream_->Append(sent_, upload_.substr(sent_),
                                  Crc32(upload_.substr(sent_))));
  SHOAL_ASSERT_OK(Finish(*stream_, std::make_shared<Outcome>()));
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(First().accepted, 6);
  EXPECT_EQ(devices_[0]->num_afresh(), 0);
}

TEST_F(GroupWaitingTest, GroupsMayBeFarApart) {
  configuration::Task task = SecureTask(10);
  task.secure_aggregation->max_group = 5;
  task.round.min_reports = 5;
  task.round.deadline = absl::Minutes(5);
  Begin(task);
  Train(5);
  Exchange();
  // The first group has masked; the cohort wants more.
  EXPECT_EQ(First().state, RoundState::kCollecting);
  EXPECT_EQ(First().accepted, 5);
  Pass(3 * task.round.idle_window);
  Exchange();
  Train(10);
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(First().accepted, 10);
  ExpectMeanOf(AllBut(10, {}));
}

TEST_F(GroupWaitingTest, ADeviceMayWaitForAGroupAsLongAsTheRoundLasts) {
  configuration::Task task = SecureTask(8);
  task.round.deadline = absl::Minutes(30);
  Begin(task);
  Train(7);
  for (int i = 0; i < 60; ++i) {  // each asks again every ten seconds
    Exchange();
    Pass(absl::Seconds(11));
    Advance();
  }
  Train(8);
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(First().accepted, 8);
}

TEST_F(GroupWaitingTest, NobodyWaitsForDevicesThatMayJoinNoMore) {
  configuration::Task task = SecureTask(4);
  task.round.deadline = absl::Minutes(30);
  Begin(task);
  Train(4);
  int num_groups = 0;
  for (; num_groups < 30 && devices_[0]->refusal().ok(); ++num_groups) {
    // Two are silent until their group is burnt.
    for (int i = 0; i < 3; ++i) {
      for (auto& device : devices_) {
        if (device->number() < 2 || device->step() == GroupStep::kJoin) {
          device->Act(engine(), now_);
        }
      }
      Advance();
    }
    Pass(absl::Seconds(21));
    Advance();
    for (auto& device : devices_) device->Act(engine(), now_);
    Advance();
  }
  EXPECT_EQ(num_groups, 20);
  Exchange();
  EXPECT_THAT(devices_[0]->refusal(),
              IsRefusal(protocol::RefusalCode::kRoundOver));
  EXPECT_EQ(OutcomeOf(0, 1), "refused: round_over");
  EXPECT_EQ(First().state, RoundState::kFailed);
  EXPECT_THAT(Faults(), ::testing::IsEmpty());
}

// Nine of whom eight are wanted; device 0 has joined, and is gone. Devices 1 to
// 6 wait, and time has passed: the window is 20 s.
class GoneWaiterTest : public RoundGroupsFixture {
 protected:
  GoneWaiterTest() {
    configuration::Task task = SecureTask(8);
    task.round.over_selection = 1.1;
    task.round.deadline = absl::Minutes(10);
    Begin(task);
    Train(9);
    devices_[0]->Act(engine(), now_);
    for (int i = 0; i < 25; ++i) {
      Exchange(1, 6);
      Pass(absl::Seconds(1));
    }
    Exchange(1, 6);
    began_ = now_;
  }
  // What devices of these numbers can do.
  void Exchange(int first, int last) {
    for (int i = 0; i < 20; ++i) {
      for (int k = first; k <= last; ++k) devices_[k]->Act(engine(), now_);
      Advance();
    }
  }
  void ExpectCommittedAtOnce(int members) {
    EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
    EXPECT_EQ(now_, began_);
    EXPECT_EQ(First().accepted, members);
    const auto groups = Require(memory_->ReadRound(1)).groups;
    ASSERT_EQ(groups.size(), 1u);
    EXPECT_EQ(groups[0].members, members);
  }

  absl::Time began_;
};

TEST_F(GoneWaiterTest, IsInNoGroup) {
  Exchange(1, 7);
  EXPECT_EQ(devices_[1]->step(), GroupStep::kJoin) << "an eighth may come";
  Exchange(1, 8);
  ExpectCommittedAtOnce(8);
  ExpectMeanOf({1, 2, 3, 4, 5, 6, 7, 8});
}

TEST_F(GoneWaiterTest, IsNotWaitedFor) {
  Require(engine().Abandon(Device(8), devices_[8]->token(),
                           protocol::AbandonReason::kEnergy, now_));
  Exchange(1, 7);
  ExpectCommittedAtOnce(7);
}

TEST_F(GoneWaiterTest, MayComeBack) {
  Require(engine().Abandon(Device(8), devices_[8]->token(),
                           protocol::AbandonReason::kEnergy, now_));
  devices_[0]->Reconnect();
  Exchange(0, 6);
  EXPECT_EQ(devices_[1]->step(), GroupStep::kJoin);
  Exchange(0, 7);
  ExpectCommittedAtOnce(8);
  EXPECT_EQ(devices_[0]->num_afresh(), 0);
}

TEST_F(GroupWaitingTest, NobodyIsGoneBecauseTheCoordinatorWasLate) {
  Begin(SecureTask(8));
  Train(8);
  for (int i = 0; i < 7; ++i) devices_[i]->Act(engine(), now_);
  Advance();
  Pass(absl::Seconds(25));  // the window is 20 s
  Advance();
  EXPECT_FALSE(devices_[0]->is_waiting()) << "they are told to ask again";
  Advance();
  devices_[7]->Act(engine(), now_);
  Advance();
  EXPECT_FALSE(Require(memory_->ReadGroupRows(1)).empty());
  Exchange();
  EXPECT_EQ(First().accepted, 8);
}

TEST_F(GroupWaitingTest, WhoeverHasLostItsAssignmentIsInNoGroup) {
  configuration::Task task = SecureTask(8);
  task.secure_aggregation->coordinator =
      secure_aggregation::CoordinatorTrust::kSemiMalicious;
  Certify();
  Begin(task);
  Train(8);
  devices_[0]->Act(engine(), now_);
  Advance();
  ca_.Expire(Device(0).id);
  devices_[0]->LoseSecrets();
  Exchange();
  EXPECT_THAT(devices_[0]->refusal(),
              IsRefusal(protocol::RefusalCode::kUnauthenticated));
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  EXPECT_EQ(Require(memory_->ReadRound(1)).groups[0].members, 7);
}

TEST_F(GroupWaitingTest, WhoeverIsToldLateHasAllOfTheWindowOnce) {
  for (const bool answers : {true, false}) {
    SCOPED_TRACE(answers);
    devices_.clear();
    if (answers) Begin(SecureTask(8));
    const int64_t committed = TaskNamed().rounds_committed;
    Train(8);
    const int64_t id = Round().id;
    for (int i = 0; i < 20; ++i) {
      for (auto& device : devices_) {
        if (!device->has_uploaded()) device->Act(engine(), now_);
      }
      Advance();
    }
    ASSERT_EQ(Round().state, RoundState::kSealed);
    // The window is 20 s. Their calls are on their way, and so are the
    // coordinator's questions after them.
    Pass(absl::Seconds(15));
    Advance();
    for (auto& device : devices_) device->Act(engine(), now_);
    Advance();
    ASSERT_EQ(devices_[7]->step(), GroupStep::kUnmask);
    Pass(absl::Seconds(15));
    Advance();
    EXPECT_EQ(Round().state, RoundState::kSealed);
    if (answers) {
      Exchange();
      EXPECT_EQ(TaskNamed().rounds_committed, committed + 1);
      Pass(absl::Minutes(1));
      Advance();
    } else {
      Pass(absl::Seconds(6));
      Advance();
      EXPECT_EQ(Require(memory_->GetRound(id)).state, RoundState::kFailed);
    }
  }
}

TEST_F(GroupWaitingTest, WhoeverWaitsFormsAGroupWhenTimeIsShort) {
  configuration::Task task = SecureTask(8);
  task.round.min_reports = 5;
  Begin(task);
  Train(6);
  RunToEnd();
  EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
  ExpectMeanOf(AllBut(6, {}));
}

TEST_F(GroupWaitingTest, ADeviceThatGivesUpIsNotWaitedFor) {
  Begin(SecureTask(8));
  Train(8, {{6, GroupStep::kMask}});
  Exchange();
  EXPECT_EQ(First().state, RoundState::kCollecting);
  const auto assignment = Require(CheckIn(6));  // the same one again
  Require(engine().Abandon(
      Device(6), std::get<protocol::Assignment>(assignment.answer).token,
      protocol::AbandonReason::kEnergy, now_));
  Advance();
  Exchange();
  EXPECT_EQ(First().state, RoundState::kCommitted);
  EXPECT_EQ(First().accepted, 7);
}

}  // namespace
}  // namespace shoal::coordinator
