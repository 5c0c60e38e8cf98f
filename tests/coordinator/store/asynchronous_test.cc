// Asynchronous rounds: sums that hold updates of earlier rounds' assignments.
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "coordinator/engine/round_store.h"
#include "gmock/gmock.h"
#include "tests/coordinator/store/store_fixture.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;

class AsynchronousStoreTest : public StoreTest {
 protected:
  AsynchronousStoreTest() { driver_.CreateTask("digits"); }

  // Counts two reports; begins with COLLECTING where devices are at work.
  RoundRow Open(bool at_work = false) {
    NewRound round = MakeRoundOf(driver_.Task("digits"));
    round.asynchronous = true;
    round.max_assigned = 1;
    if (at_work) round.deadline = Now() + absl::Minutes(1);
    return Require(store().OpenRound(lease(), round));
  }
  Lease lease() { return driver_.TakeLease("digits"); }
  void Assign(const RoundRow& round, int device,
              absl::Duration later = absl::ZeroDuration()) {
    SHOAL_ASSERT_OK(store().RecordAssignment(
        round.id, DeviceId(device), Now() + later, Now() + absl::Minutes(1)));
  }
  absl::StatusOr<SegmentResult> Count(const RoundRow& round, int device,
                                      int64_t earlier_round = 0) {
    NewSegment segment;
    segment.round_id = round.id;
    segment.replica = "us";
    segment.sum = "sum";
    ContributionRow row = MakeContribution(device);
    row.earlier_round = earlier_round;
    return store().CommitSegment(segment, {row});
  }
  void Commit(const RoundRow& round) {
    SHOAL_ASSERT_OK(
        store().SealRound(lease(), round.id, 1, std::nullopt, Now()));
    const std::string model = absl::StrCat("model of round ", round.id);
    SHOAL_ASSERT_OK(store().CommitRound(
        lease(), MakeResult(driver_.Round(round.id), model), model, Now()));
  }
  // A round that is committed with device 1, and left device 2 at work; and the
  // next one.
  void TwoRounds() {
    first_ = Open();
    Assign(first_, 1);
    Assign(first_, 2);
    Require(Count(first_, 1));
    Commit(first_);
    second_ = Open(/*at_work=*/true);
  }

  RoundRow first_;
  RoundRow second_;
};

INSTANTIATE_TEST_SUITE_P(Stores, AsynchronousStoreTest,
                         ::testing::Values(StoreKind::kMemory,
                                           StoreKind::kSqlite,
                                           StoreKind::kSqliteReopened));

TEST_P(AsynchronousStoreTest, RoundBeginsCollectingWhereDevicesAreAtWork) {
  const RoundRow open = Open();
  EXPECT_EQ(open.state, RoundState::kOpen);
  EXPECT_TRUE(driver_.Round(open.id).asynchronous);
  Assign(open, 1);
  Require(Count(open, 1));
  Commit(open);

  const RoundRow next = driver_.Round(Open(/*at_work=*/true).id);

  EXPECT_EQ(next.state, RoundState::kCollecting);
  EXPECT_EQ(next.deadline, Now() + absl::Minutes(1));
}

TEST_P(AsynchronousStoreTest, HowManyWorkIsTheEnginesToKnow) {
  const RoundRow round = Open();
  for (int device : {1, 2, 3, 4, 5}) Assign(round, device);
  EXPECT_EQ(driver_.Round(round.id).assigned, 5);
}

TEST_P(AsynchronousStoreTest, AssignmentThatHasLedToNothingBeginsAnew) {
  const RoundRow round = Open();
  Assign(round, 1);
  Assign(round, 2);
  Require(Count(round, 2));
  const auto again = [&](int device, absl::Duration later) {
    return store().RecordAssignment(round.id, DeviceId(device), Now() + later,
                                    Now() + later + absl::Minutes(1));
  };
  EXPECT_THAT(again(1, absl::Seconds(59)),
              StatusIs(absl::StatusCode::kAlreadyExists));
  SHOAL_ASSERT_OK(
      store().RecordOutcome(round.id, DeviceId(1), "abandoned: energy"));
  SHOAL_EXPECT_OK(again(1, absl::Seconds(60)));
  EXPECT_THAT(again(2, absl::Hours(1)),
              StatusIs(absl::StatusCode::kAlreadyExists));
  const AssignmentRow row = store().ListAssignments(round.id)->front();
  EXPECT_EQ(row.assigned, Now() + absl::Minutes(1));
  EXPECT_EQ(row.outcome, "");
  EXPECT_EQ(driver_.Round(round.id).assigned, 2);
}

TEST_P(AsynchronousStoreTest, SumTakesItsCohortAndNoMore) {
  const RoundRow round = Open();
  for (int device : {1, 2, 3}) Assign(round, device);
  EXPECT_EQ(Require(Count(round, 1)).kind, SegmentResult::kCommitted);
  EXPECT_EQ(Require(Count(round, 2)).kind, SegmentResult::kCommitted);
  EXPECT_EQ(Require(Count(round, 3)).kind, SegmentResult::kClosed);
}

TEST_P(AsynchronousStoreTest, UpdateOfAnEarlierAssignmentJoinsTheSum) {
  TwoRounds();
  const SegmentResult result = Require(Count(second_, 2, first_.id));
  EXPECT_EQ(result.kind, SegmentResult::kCommitted);
  EXPECT_EQ(result.accepted, 1);

  // It is in the second's sum, and the first's assignment has it.
  const auto counted = Require(store().ListContributions(second_.id));
  ASSERT_EQ(counted.size(), 1u);
  EXPECT_EQ(counted[0].device_id, DeviceId(2));
  EXPECT_EQ(counted[0].earlier_round, first_.id);
  EXPECT_EQ(Require(store().ListContributions(first_.id)).size(), 1u);
  const auto row = Require(store().GetContribution(first_.id, DeviceId(2)));
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(row->segment_id, result.segment_id);
  EXPECT_EQ(row->earlier_round, first_.id);
  EXPECT_FALSE(
      Require(store().GetContribution(second_.id, DeviceId(2))).has_value());
  EXPECT_EQ(store().ListAssignments(first_.id)->at(1).outcome, "contributed");
}

TEST_P(AsynchronousStoreTest, AssignmentIsCountedOnceOverAllRounds) {
  TwoRounds();
  EXPECT_THAT(Require(Count(second_, 1, first_.id)).duplicates,
              ElementsAre(DeviceId(1)))
      << "counted by its own round";
  Require(Count(second_, 2, first_.id));
  Commit(second_);
  const RoundRow third = Open(/*at_work=*/true);
  const SegmentResult again = Require(Count(third, 2, first_.id));
  EXPECT_EQ(again.kind, SegmentResult::kDuplicates) << "counted by the second";
  EXPECT_EQ(driver_.Round(third.id).accepted, 0);
}

TEST_P(AsynchronousStoreTest, DeviceMayBeInASumTwiceWithTwoAssignments) {
  TwoRounds();
  Require(Count(second_, 2, first_.id));
  Assign(second_, 2);
  Require(Count(second_, 2));

  const auto counted = Require(store().ListContributions(second_.id));
  ASSERT_EQ(counted.size(), 2u);
  EXPECT_EQ(counted[0].earlier_round, 0);
  EXPECT_EQ(counted[1].earlier_round, first_.id);
  Commit(second_);
  EXPECT_EQ(driver_.Round(second_.id).contributors,
            ContributorsDigest(counted));
  EXPECT_EQ(Require(store().GetDevice(DeviceId(2))).contributions, 2);
  EXPECT_EQ(Require(store().GetParticipation("writers", "digits", DeviceId(2)))
                .last_contribution,
            2);
}

TEST_P(AsynchronousStoreTest, EarlierRoundsAreNamedByTheDigestOfContributors) {
  ContributionRow row = MakeContribution(1);
  const Digest own = ContributorsDigest({row});
  row.earlier_round = 3;
  const Digest third = ContributorsDigest({row});
  row.earlier_round = 4;
  EXPECT_NE(own, third);
  EXPECT_NE(third, ContributorsDigest({row}));
}

TEST_P(AsynchronousStoreTest, OnlyAsynchronousSumsTakeThem) {
  TwoRounds();
  EXPECT_THAT(Count(second_, 2, second_.id + 1),
              StatusIs(absl::StatusCode::kInvalidArgument));
  driver_.CreateTask("letters");
  const RoundRow round = driver_.RoundIn(RoundState::kCollecting, "letters");
  EXPECT_THAT(Count(round, 1, first_.id),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_P(AsynchronousStoreTest, OpenAssignmentsAreListedOverRounds) {
  TwoRounds();
  Assign(second_, 3, absl::Seconds(5));
  Assign(second_, 4);
  SHOAL_ASSERT_OK(
      store().RecordOutcome(second_.id, DeviceId(4), "abandoned: energy"));
  const auto texts = [&](int64_t min_number, absl::Time since) {
    std::vector<std::string> all;
    for (const OpenAssignmentRow& row :
         Require(store().ListOpenAssignments("digits", min_number, since))) {
      all.push_back(absl::StrCat(row.round_id, " ", row.number, " ",
                                 row.assignment.device_id == DeviceId(2) ? "2"
                                 : row.assignment.device_id == DeviceId(3)
                                     ? "3"
                                     : "?"));
      EXPECT_EQ(row.base_model, driver_.Round(row.round_id).base_model);
    }
    return all;
  };
  EXPECT_THAT(texts(1, Now()), ElementsAre("1 1 2", "2 2 3"));
  EXPECT_THAT(texts(2, Now()), ElementsAre("2 2 3"));
  EXPECT_THAT(texts(1, Now() + absl::Seconds(1)), ElementsAre("2 2 3"));
  EXPECT_THAT(texts(3, Now()), IsEmpty());
}

TEST_P(AsynchronousStoreTest, SnapshotCountsUpdatesByStaleness) {
  TwoRounds();
  EXPECT_THAT(store().ReadRound(first_.id)->staleness, ElementsAre(Pair(0, 1)));
  EXPECT_THAT(store().ReadRound(second_.id)->staleness, IsEmpty());
  Require(Count(second_, 2, first_.id));
  Assign(second_, 1);
  Require(Count(second_, 1));
  EXPECT_THAT(store().ReadRound(second_.id)->staleness,
              ElementsAre(Pair(0, 1), Pair(1, 1)));
}

TEST_P(AsynchronousStoreTest, ForgottenDeviceStaysInARunningSum) {
  TwoRounds();
  Require(Count(second_, 2, first_.id));
  SHOAL_ASSERT_OK(store().ForgetDevice(DeviceId(2)));
  EXPECT_EQ(Require(store().ListContributions(second_.id)).size(), 1u);
  Commit(second_);
  EXPECT_EQ(driver_.Round(second_.id).accepted, 1);
  EXPECT_THAT(*store().ListContributions(second_.id), IsEmpty());
  EXPECT_FALSE(
      Require(store().GetContribution(first_.id, DeviceId(2))).has_value());
}

}  // namespace
}  // namespace shoal::coordinator
