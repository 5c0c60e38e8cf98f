// Batches, and a store that does not work.
#include "coordinator/engine/batch.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using ::shoal::testing::IsOk;
using ::shoal::testing::StatusIs;
using ::shoal::testing::StoreFault;
using ::testing::ElementsAre;
using ::testing::Ge;
using ::testing::HasSubstr;
using ::testing::SizeIs;

// A round with a cohort of 8, of which devices 1 to 8 are admitted.
class GroupCommitTest : public EngineTest {
 protected:
  void Begin8() {
    Restart();
    configuration::Task task = SmallTask();
    task.round.cohort = 8;
    task.round.over_selection = 1;
    CreateTask(task);
    for (int device = 1; device <= 8; ++device) {
      tokens_.push_back(Assign(device).token);
    }
  }
  std::shared_ptr<Outcome> SendOf(int device) {
    return Require(Send(device, tokens_[device - 1], Update({1})));
  }
  // An upload of device 8 that goes on and on.
  UploadStart Busy() {
    return Require(EngineTest::Begin(8, tokens_[7], Update({8})));
  }
  size_t Segments() { return Require(memory_->ReadSegments(1)).size(); }
  // The named method fails.
  void Break(absl::string_view broken, StoreFault fault) {
    store_.SetFaults([broken, fault](absl::string_view method) {
      return method == broken ? fault : StoreFault::kNone;
    });
  }
  void Repair() {
    store_.SetFaults(nullptr);
    Pass(absl::Seconds(5));
    Advance();
  }

  std::vector<std::string> tokens_;
};

TEST_F(GroupCommitTest, BatchIsCommittedAtOnceWhenNoUploadIsInProgress) {
  Begin8();
  const auto first = SendOf(1);
  const auto second = SendOf(2);
  Advance();
  EXPECT_THAT(first->receipt, IsOk());
  EXPECT_EQ(Require(first->receipt).segment_id,
            Require(second->receipt).segment_id);
  EXPECT_EQ(Segments(), 1u);
}

TEST_F(GroupCommitTest, BatchWaitsForUploadsInProgress) {
  Begin8();
  UploadStart busy = Busy();
  const auto outcome = SendOf(1);
  EXPECT_EQ(Advance(), now_ + options_.commit_max_delay);
  EXPECT_FALSE(outcome->called);
  busy.stream.reset();
  Advance();
  EXPECT_THAT(outcome->receipt, IsOk());
}

TEST_F(GroupCommitTest, BatchWaitsNoLongerThanMaxDelay) {
  Begin8();
  const UploadStart busy = Busy();
  const auto outcome = SendOf(1);
  Advance();
  Pass(options_.commit_max_delay);
  Advance();
  EXPECT_THAT(outcome->receipt, IsOk());
}

TEST_F(GroupCommitTest, ClockSetBackDoesNotHoldUpABatch) {
  Begin8();
  const UploadStart busy = Busy();
  const auto outcome = SendOf(1);
  Pass(-absl::Hours(1));
  Advance();
  EXPECT_THAT(outcome->receipt, IsOk());
}

TEST_F(GroupCommitTest, BatchOfMaxUpdatesIsCommittedAtOnce) {
  options_.commit_max_updates = 3;
  Begin8();
  const UploadStart busy = Busy();
  for (int device = 1; device <= 4; ++device) SendOf(device);
  Advance();
  EXPECT_EQ(Round().accepted, 3) << "and the fourth begins the next batch";
  EXPECT_EQ(engine().uploads_in_progress(), 2);
}

TEST_F(GroupCommitTest, BatchOfMaxBytesIsCommittedAtOnce) {
  options_.commit_max_bytes = 2 * static_cast<int64_t>(Update({1}).size());
  Begin8();
  const UploadStart busy = Busy();
  SendOf(1);
  Advance();
  EXPECT_EQ(Round().accepted, 0);
  SendOf(2);
  SendOf(3);
  Advance();
  EXPECT_EQ(Round().accepted, 2);
}

TEST_F(GroupCommitTest, UpdateLargerThanABatchIsABatch) {
  options_.commit_max_bytes = 1;
  Begin8();
  for (int device = 1; device <= 8; ++device) SendOf(device);
  Advance();
  EXPECT_EQ(TaskNamed().rounds_committed, 1);
}

TEST_F(GroupCommitTest, RowsTellWeightsAndNorms) {
  Begin8();
  Require(Send(1, tokens_[0], Update({3, 4}, 5)));
  Advance();
  const ContributionRow row =
      **memory_->GetContribution(Round().id, Device(1).id);
  EXPECT_EQ(row.weight, 5);
  EXPECT_DOUBLE_EQ(row.norm, 5);
  EXPECT_EQ(Round().bytes_up, static_cast<int64_t>(Update({1}).size()));
}

// --- duplicates --------------------------------------------------------------

// Another replica has counted a device in the meantime.
TEST_F(GroupCommitTest, DeviceCountedElsewhereGetsThatReceipt) {
  Begin8();
  const auto ours = SendOf(1);
  const auto both = SendOf(2);
  ContributionRow elsewhere;
  elsewhere.device_id = Device(2).id;
  elsewhere.update_digest = Sha256(Update({1}));
  elsewhere.weight = 1;
  elsewhere.norm = 1;
  const SegmentResult segment = Require(
      memory_->CommitSegment({Round().id, "other", "sum", 1}, {elsewhere}));
  Advance();
  EXPECT_NE(Require(ours->receipt).segment_id, segment.segment_id);
  EXPECT_EQ(Require(both->receipt).segment_id, segment.segment_id);
  EXPECT_EQ(Round().accepted, 2);
}

TEST_F(GroupCommitTest, DeviceCountedElsewhereWithOtherContentIsRefused) {
  Begin8();
  const auto outcome = SendOf(1);
  ContributionRow elsewhere;
  elsewhere.device_id = Device(1).id;
  elsewhere.update_digest = Sha256("other");
  Require(memory_->CommitSegment({Round().id, "other", "sum", 1}, {elsewhere}));
  Advance();
  EXPECT_THAT(outcome->receipt, IsRefusal(RefusalCode::kDigestConflict));
  EXPECT_EQ(Round().accepted, 1);
}

TEST_F(GroupCommitTest, RoundSealedElsewhereTellsTheDevices) {
  Begin8();
  SendOf(1);
  Advance();
  const auto late = SendOf(2);
  const Lease lease = Require(
      memory_->AcquireLease("task", options_.replica, now_, absl::Hours(1)));
  Require(memory_->SealRound(lease, Round().id, 1, std::nullopt, now_));
  Advance();
  EXPECT_THAT(late->receipt, IsRefusal(RefusalCode::kRoundOver));
  EXPECT_EQ(TaskNamed().rounds_committed, 1) << "and the round went on";
}

// --- errors of the store -----------------------------------------------------

TEST_F(GroupCommitTest, FullDiskHoldsUpReceiptsAndLosesNothing) {
  Begin8();
  store_.SetError(absl::ResourceExhaustedError("the disk is full"));
  Break("CommitSegment", StoreFault::kBefore);
  const auto outcome = SendOf(1);
  const absl::Time retry = Advance();
  EXPECT_GT(retry, now_);
  EXPECT_FALSE(outcome->called);
  EXPECT_THAT(engine().LastError(),
              StatusIs(absl::StatusCode::kResourceExhausted));
  EXPECT_THAT(engine().NoticesOf("task", Round().id).held_up,
              StatusIs(absl::StatusCode::kResourceExhausted));
  const auto second = SendOf(2);
  Repair();
  EXPECT_THAT(outcome->receipt, IsOk());
  EXPECT_THAT(second->receipt, IsOk());
  EXPECT_THAT(engine().LastError(), IsOk());
  EXPECT_THAT(engine().NoticesOf("task", Round().id).held_up, IsOk());
  EXPECT_EQ(Round().accepted, 2);
}

TEST_F(GroupCommitTest, DeviceThatHasWaitedLongIsToldToComeBack) {
  Begin8();
  Break("CommitSegment", StoreFault::kBefore);
  const std::string update = Update({1});
  const auto outcome = SendOf(1);
  Advance();
  Pass(absl::Seconds(10));
  Advance();
  EXPECT_THAT(outcome->receipt, IsRefusal(RefusalCode::kStoreUnavailable));
  EXPECT_GT(protocol::RefusalOf(outcome->receipt.status())->retry_after,
            absl::ZeroDuration());
  // Its bytes are still here, and are counted when there is space.
  const int64_t size = static_cast<int64_t>(update.size());
  EXPECT_EQ(Require(Query(1, tokens_[0], update)).received_bytes, size);
  Repair();
  EXPECT_TRUE(Require(Query(1, tokens_[0], update)).receipt.has_value());
}

TEST_F(GroupCommitTest, RoundWaitsBeyondItsDeadlineForAStoreThatFails) {
  Begin8();
  Break("CommitSegment", StoreFault::kBefore);
  SendOf(1);
  Advance();
  Pass(absl::Minutes(2));
  Advance();
  EXPECT_EQ(Round().state, RoundState::kCollecting);
  Repair();
  EXPECT_EQ(TaskNamed().rounds_committed, 1);
}

TEST_F(GroupCommitTest, CommitOfUnknownOutcomeIsCountedOnce) {
  Begin8();
  Break("CommitSegment", StoreFault::kAfter);
  const auto outcome = SendOf(1);
  Advance();
  EXPECT_FALSE(outcome->called) << "the outcome is not known";
  Repair();
  EXPECT_THAT(outcome->receipt, IsOk());
  EXPECT_EQ(Round().accepted, 1);
}

TEST_F(GroupCommitTest, SumIsRightWhenItsSegmentsWereOfUnknownOutcome) {
  Begin8();
  Break("CommitSegment", StoreFault::kAfter);
  Require(Send(1, tokens_[0], Update({8})));
  Advance();
  Repair();
  for (int device = 2; device <= 8; ++device) SendOf(device);
  Advance();
  EXPECT_THAT(Model(), ElementsAre(1.875, 0, 0, 0, 0, 0));
}

class EveryWriteTest : public GroupCommitTest,
                       public ::testing::WithParamInterface<
                           std::tuple<const char*, StoreFault>> {};

// Whatever call fails, before or after its effect: the round is committed once
// the store is back, with every update in it.
TEST_P(EveryWriteTest, FailingWriteIsMadeUpFor) {
  Begin8();
  Break(std::get<0>(GetParam()), std::get<1>(GetParam()));
  std::vector<std::shared_ptr<Outcome>> outcomes;
  for (int device = 1; device <= 8; ++device)
    outcomes.push_back(SendOf(device));
  for (int i = 0; i < 3; ++i) {
    Advance();
    Pass(absl::Milliseconds(700));
  }
  Repair();
  for (const auto& outcome : outcomes) EXPECT_THAT(outcome->receipt, IsOk());
  EXPECT_EQ(TaskNamed().rounds_committed, 1);
  EXPECT_EQ(TaskNamed().rounds_failed, 0);
  EXPECT_THAT(Model(), ElementsAre(1, 0, 0, 0, 0, 0));
  EXPECT_EQ(Round().state, RoundState::kOpen);
  EXPECT_EQ(Round().number, 2);
  EXPECT_THAT(engine().LastError(), IsOk());
}

INSTANTIATE_TEST_SUITE_P(
    EveryCall, EveryWriteTest,
    ::testing::Combine(
        ::testing::Values("AcquireLease", "CommitSegment", "SealRound",
                          "CommitRound", "OpenRound", "GetTask",
                          "GetUnfinishedRound", "GetModel", "ListAssignments",
                          "ListContributions", "ReadModel", "GetOptimizerState",
                          "GetContribution"),
        ::testing::Values(StoreFault::kBefore, StoreFault::kAfter)),
    [](const auto& info) {
      return std::string(std::get<0>(info.param)) +
             (std::get<1>(info.param) == StoreFault::kBefore ? "Before"
                                                             : "After");
    });

TEST_F(GroupCommitTest, FailingFailureIsMadeUpFor) {
  Begin8();
  Break("FailRound", StoreFault::kAfter);
  Pass(absl::Minutes(1));
  Advance();
  Repair();
  EXPECT_EQ(TaskNamed().rounds_failed, 1);
  EXPECT_EQ(Round().state, RoundState::kOpen);
}

// --- leases ------------------------------------------------------------------

TEST_F(GroupCommitTest,
       ReplicaThatDoesNotLeadCountsAndLeavesTheRestToTheLeader) {
  Begin8();
  Pass(absl::Minutes(10));
  const Lease other =
      Require(memory_->AcquireLease("task", "other", now_, absl::Seconds(20)));
  Pass(-absl::Minutes(10) + absl::Seconds(1));
  for (int device = 1; device <= 8; ++device) SendOf(device);
  Advance();
  EXPECT_EQ(Round().accepted, 8);
  EXPECT_EQ(Round().state, RoundState::kCollecting) << "not ours to seal";
  // The leader falls silent.
  Pass(absl::Minutes(11));
  Advance();
  Pass(absl::Seconds(5));
  Advance();
  EXPECT_EQ(TaskNamed().rounds_committed, 1);
}

}  // namespace
}  // namespace shoal::coordinator
