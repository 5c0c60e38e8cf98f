#include <cmath>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "coordinator/engine/round_store.h"
#include "gmock/gmock.h"
#include "tests/coordinator/store/store_fixture.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kAlreadyExists = absl::StatusCode::kAlreadyExists;
constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kInvalidArgument = absl::StatusCode::kInvalidArgument;
constexpr auto kNotFound = absl::StatusCode::kNotFound;

template <typename Row>
std::vector<std::string> Texts(const absl::StatusOr<std::vector<Row>>& rows) {
  std::vector<std::string> texts;
  EXPECT_THAT(rows, IsOk());
  for (const Row& row : rows.value_or(std::vector<Row>())) {
    texts.push_back(Text(row));
  }
  return texts;
}

ContributionRow InSegment(int device, int64_t segment_id) {
  ContributionRow row = MakeContribution(device);
  row.segment_id = segment_id;
  return row;
}

// --- open --------------------------------------------------------------------

TEST_P(StoreTest, OpenedRoundHasWhatItWasOpenedWith) {
  const TaskRow task = driver_.CreateTask("digits");
  const RoundRow round = driver_.RoundIn(RoundState::kOpen, "digits");

  RoundRow expected;
  expected.id = round.id;
  expected.task = "digits";
  expected.number = 1;
  expected.base_model = task.current_model;
  expected.cohort = 2;
  expected.min_reports = 1;
  expected.max_assigned = 4;
  expected.norm_bound = 12.25;
  expected.opened = Now() + absl::Seconds(1);
  EXPECT_GT(round.id, 0);
  EXPECT_EQ(Text(round), Text(expected));
  EXPECT_EQ(Text(**store().GetUnfinishedRound("digits")), Text(expected));
}

TEST_P(StoreTest, RoundIdsAreNeverUsedAgain) {
  driver_.CreateTask("digits");
  driver_.CreateTask("letters");
  const int64_t a = driver_.RoundIn(RoundState::kFailed, "digits").id;
  const int64_t b = driver_.RoundIn(RoundState::kOpen, "letters").id;
  const int64_t c = driver_.RoundIn(RoundState::kFailed, "digits").id;
  EXPECT_LT(a, b);
  EXPECT_LT(b, c);
}

TEST_P(StoreTest, RoundMakesTheNextVersion) {
  driver_.CreateTask("digits");
  driver_.RoundIn(RoundState::kCommitted, "digits");
  NewRound stale = MakeRoundOf(driver_.Task("digits"));
  stale.number = 1;
  EXPECT_THAT(store().OpenRound(driver_.TakeLease("digits"), stale),
              StatusIs(kFailedPrecondition, HasSubstr("version 2, not 1")));
}

TEST_P(StoreTest, InfiniteNormBoundIsABound) {
  driver_.CreateTask("digits");
  NewRound round = MakeRoundOf(driver_.Task("digits"));
  round.norm_bound = std::nan("");
  EXPECT_THAT(store().OpenRound(driver_.TakeLease("digits"), round),
              StatusIs(kInvalidArgument));
  round.norm_bound = std::numeric_limits<double>::infinity();
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const RoundRow row,
      store().OpenRound(driver_.TakeLease("digits"), round));
  EXPECT_EQ(driver_.Round(row.id).norm_bound, round.norm_bound);
}

TEST_P(StoreTest, RoundsAreListedNewestFirstInPages) {
  driver_.CreateTask("digits");
  driver_.CreateTask("letters");
  std::vector<int64_t> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(driver_.RoundIn(RoundState::kFailed, "digits").id);
    driver_.RoundIn(RoundState::kFailed, "letters");
  }
  const auto list = [&](int limit, int64_t before) {
    std::vector<int64_t> listed;
    for (const RoundRow& row :
         Require(store().ListRounds("digits", limit, before))) {
      listed.push_back(row.id);
    }
    return listed;
  };

  EXPECT_THAT(list(10, 0), ElementsAre(ids[2], ids[1], ids[0]));
  EXPECT_THAT(list(2, 0), ElementsAre(ids[2], ids[1]));
  EXPECT_THAT(list(2, ids[1]), ElementsAre(ids[0]));
  EXPECT_THAT(list(2, ids[0]), IsEmpty());
  EXPECT_THAT(list(0, 0), IsEmpty());
  EXPECT_THAT(list(-1, 0), IsEmpty());
}

TEST_P(StoreTest, UnknownRoundIsNotFound) {
  driver_.CreateTask("digits");
  const Lease lease = driver_.TakeLease("digits");
  const std::vector<ContributionRow> batch = {MakeContribution(1)};
  RoundRow ghost;
  ghost.id = 99;

  EXPECT_THAT(store().GetRound(99), StatusIs(kNotFound, HasSubstr("99")));
  EXPECT_THAT(store().RecordAssignment(99, DeviceId(1), Now(), Now()),
              StatusIs(kNotFound));
  EXPECT_THAT(store().RecordOutcome(99, DeviceId(1), "x"), StatusIs(kNotFound));
  EXPECT_THAT(store().ListAssignments(99), StatusIs(kNotFound));
  EXPECT_THAT(store().CommitSegment({99, "us", "sum", 1}, batch),
              StatusIs(kNotFound));
  EXPECT_THAT(store().GetContribution(99, DeviceId(1)), StatusIs(kNotFound));
  EXPECT_THAT(store().ListContributions(99), StatusIs(kNotFound));
  EXPECT_THAT(store().ReadSegments(99), StatusIs(kNotFound));
  EXPECT_THAT(store().SealRound(lease, 99, 0, Now()), StatusIs(kNotFound));
  EXPECT_THAT(store().RevealRound(lease, 99, Now()), StatusIs(kNotFound));
  EXPECT_THAT(store().CommitRound(lease, MakeResult(ghost, "m"), "m", Now()),
              StatusIs(kNotFound));
  EXPECT_THAT(store().FailRound(lease, 99, "x", Now()), StatusIs(kNotFound));
}

// --- assignments -------------------------------------------------------------

TEST_P(StoreTest, FirstAssignmentStartsCollectingAndSetsTheDeadline) {
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kOpen, "digits").id;
  const absl::Time deadline = Now() + absl::Microseconds(60'000'001);

  SHOAL_ASSERT_OK(store().RecordAssignment(id, DeviceId(2), Now(), deadline));
  SHOAL_ASSERT_OK(store().RecordAssignment(
      id, DeviceId(1), Now() + absl::Microseconds(3), deadline + kLeaseTime));

  const RoundRow round = driver_.Round(id);
  EXPECT_EQ(round.state, RoundState::kCollecting);
  EXPECT_EQ(round.deadline, deadline);
  EXPECT_EQ(round.assigned, 2);
  EXPECT_THAT(Texts(store().ListAssignments(id)),
              ElementsAre(Text(AssignmentRow{
                              DeviceId(1), Now() + absl::Microseconds(3), ""}),
                          Text(AssignmentRow{DeviceId(2), Now(), ""})));
}

TEST_P(StoreTest, DeviceIsAssignedOnce) {
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;
  EXPECT_THAT(store().RecordAssignment(id, DeviceId(1), Now(), Now()),
              StatusIs(kAlreadyExists, HasSubstr(DeviceId(1))));
  EXPECT_EQ(driver_.Round(id).assigned, 1);
}

TEST_P(StoreTest, FullRoundTakesNoMoreDevices) {
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;
  for (int device : {2, 3, 4}) {
    SHOAL_ASSERT_OK(
        store().RecordAssignment(id, DeviceId(device), Now(), Now()));
  }

  EXPECT_THAT(store().RecordAssignment(id, DeviceId(5), Now(), Now()),
              StatusIs(kFailedPrecondition, HasSubstr("all its 4 devices")));
  EXPECT_THAT(store().RecordAssignment(id, DeviceId(4), Now(), Now()),
              StatusIs(kAlreadyExists));
  EXPECT_EQ(driver_.Round(id).assigned, 4);
  EXPECT_EQ(store().ListAssignments(id)->size(), 4u);
}

TEST_P(StoreTest, FirstOutcomeStays) {
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;

  SHOAL_ASSERT_OK(store().RecordOutcome(id, DeviceId(1), "abandoned: energy"));
  SHOAL_ASSERT_OK(store().RecordOutcome(id, DeviceId(1), "refused: norm"));

  EXPECT_EQ(store().ListAssignments(id)->front().outcome, "abandoned: energy");
  EXPECT_THAT(store().RecordOutcome(id, DeviceId(2), "x"),
              StatusIs(kNotFound, HasSubstr("no assignment")));
}

TEST_P(StoreTest, ContributionIsTheOutcomeWhateverWasBefore) {
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;
  SHOAL_ASSERT_OK(store().RecordOutcome(id, DeviceId(1), "abandoned: energy"));

  driver_.Commit(id, {1});
  SHOAL_ASSERT_OK(store().RecordOutcome(id, DeviceId(1), "abandoned: energy"));

  EXPECT_EQ(store().ListAssignments(id)->front().outcome, "contributed");
}

// --- segments ----------------------------------------------------------------

TEST_P(StoreTest, SegmentAddsSumContributionsAndCounters) {
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;

  const SegmentResult first =
      driver_.Commit(id, {3, 1}, std::string("a\0b", 3));
  const SegmentResult second = driver_.Commit(id, {2}, "second");

  EXPECT_EQ(first.kind, SegmentResult::kCommitted);
  EXPECT_EQ(first.accepted, 2);
  EXPECT_EQ(second.accepted, 3);
  EXPECT_LT(first.segment_id, second.segment_id);
  EXPECT_EQ(driver_.Round(id).accepted, 3);
  EXPECT_EQ(driver_.Round(id).bytes_up, 300);
  EXPECT_THAT(Texts(store().ListContributions(id)),
              ElementsAre(Text(InSegment(1, first.segment_id)),
                          Text(InSegment(2, second.segment_id)),
                          Text(InSegment(3, first.segment_id))));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::vector<SegmentRow> segments,
                             store().ReadSegments(id));
  ASSERT_EQ(segments.size(), 2u);
  EXPECT_EQ(segments[0].id, first.segment_id);
  EXPECT_EQ(segments[0].sum, std::string("a\0b", 3));
  EXPECT_EQ(segments[1].sum, "second");
}

TEST_P(StoreTest, ContributionIsFoundByDevice) {
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;
  const SegmentResult segment = driver_.Commit(id, {1});

  SHOAL_ASSERT_OK_AND_ASSIGN(const std::optional<ContributionRow> row,
                             store().GetContribution(id, DeviceId(1)));
  ASSERT_TRUE(row.has_value());
  EXPECT_EQ(Text(*row), Text(InSegment(1, segment.segment_id)));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::optional<ContributionRow> none,
                             store().GetContribution(id, DeviceId(2)));
  EXPECT_FALSE(none.has_value());
}

TEST_P(StoreTest, DuplicatesAreNamedAndNothingIsWritten) {
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;
  driver_.Commit(id, {1, 2});
  const std::string before = Text(driver_.Round(id));

  const SegmentResult result = driver_.Commit(id, {3, 2, 1});

  EXPECT_EQ(result.kind, SegmentResult::kDuplicates);
  EXPECT_THAT(result.duplicates, ElementsAre(DeviceId(2), DeviceId(1)));
  EXPECT_EQ(Text(driver_.Round(id)), before);
  EXPECT_EQ(store().ReadSegments(id)->size(), 1u);
  EXPECT_EQ(store().ListContributions(id)->size(), 2u);
  EXPECT_EQ(driver_.Commit(id, {3}).kind, SegmentResult::kCommitted);
}

TEST_P(StoreTest, SameDeviceInTwoRoundsIsNoDuplicate) {
  driver_.CreateTask("digits");
  driver_.RoundIn(RoundState::kCommitted, "digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;
  EXPECT_EQ(driver_.Commit(id, {1}).kind, SegmentResult::kCommitted);
}

TEST_P(StoreTest, BatchBeyondMaxAssignedIsClosedOut) {
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;
  driver_.Commit(id, {1, 2, 3});
  const std::string before = Text(driver_.Round(id));

  EXPECT_EQ(driver_.Commit(id, {4, 5}).kind, SegmentResult::kClosed);

  EXPECT_EQ(Text(driver_.Round(id)), before);
  EXPECT_EQ(store().ReadSegments(id)->size(), 1u);
  EXPECT_EQ(driver_.Commit(id, {4}).kind, SegmentResult::kCommitted);
  EXPECT_EQ(driver_.Commit(id, {5}).kind, SegmentResult::kClosed);
  EXPECT_EQ(driver_.Commit(id, {4}).kind, SegmentResult::kDuplicates);
}

TEST_P(StoreTest, ContributionNeedsNoAssignmentRow) {
  // A power cut may have taken the row of a device with a valid token.
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;
  EXPECT_EQ(driver_.Commit(id, {7}).kind, SegmentResult::kCommitted);
  EXPECT_EQ(store().ListAssignments(id)->size(), 1u);
}

TEST_P(StoreTest, MalformedBatchIsRefused) {
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;
  const NewSegment segment = {id, "us", "sum", 1};
  ContributionRow undefined = MakeContribution(1);
  undefined.norm = std::nan("");
  const std::vector<ContributionRow> twice = {MakeContribution(1),
                                              MakeContribution(1)};

  EXPECT_THAT(store().CommitSegment(segment, {}), StatusIs(kInvalidArgument));
  EXPECT_THAT(store().CommitSegment(segment, twice),
              StatusIs(kInvalidArgument, HasSubstr("twice")));
  EXPECT_THAT(store().CommitSegment(segment, {undefined}),
              StatusIs(kInvalidArgument, HasSubstr("not a number")));
  EXPECT_EQ(driver_.Round(id).accepted, 0);
}

TEST_P(StoreTest, LargeSumsComeBack) {
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;
  const std::string sum = SomeBytes(20'000'001, 2);

  driver_.Commit(id, {1}, sum);

  EXPECT_TRUE(store().ReadSegments(id)->front().sum == sum);
}

// --- seal, reveal, commit, fail ----------------------------------------------

TEST_P(StoreTest, SealFreezesTheContributors) {
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;
  driver_.Commit(id, {3, 1});
  driver_.Commit(id, {2});

  SHOAL_ASSERT_OK_AND_ASSIGN(
      const RoundRow sealed,
      store().SealRound(driver_.TakeLease("digits"), id, 3, Now()));

  EXPECT_EQ(sealed.state, RoundState::kSealed);
  EXPECT_EQ(sealed.contributors,
            ContributorsDigest({MakeContribution(1), MakeContribution(2),
                                MakeContribution(3)}));
  EXPECT_EQ(Text(driver_.Round(id)), Text(sealed));
}

TEST_P(StoreTest, SealNeedsTheMinimumOfReports) {
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;
  driver_.Commit(id, {1});

  EXPECT_THAT(store().SealRound(driver_.TakeLease("digits"), id, 2, Now()),
              StatusIs(kFailedPrecondition, HasSubstr("1 contributions, 2")));
  EXPECT_EQ(driver_.Round(id).state, RoundState::kCollecting);
}

TEST_P(StoreTest, CommitWritesModelRoundTaskAndDevicesTogether) {
  driver_.CreateTask("digits");
  const RoundRow before = driver_.RoundIn(RoundState::kRevealed, "digits");
  const absl::Time end = Now() + absl::Microseconds(12'345'678);
  const RoundResult result = MakeResult(before, "trained");

  SHOAL_ASSERT_OK(
      store().CommitRound(driver_.TakeLease("digits"), result, "trained", end));

  RoundRow expected = before;
  expected.state = RoundState::kCommitted;
  expected.finished = end;
  expected.committed_model = Sha256("trained");
  expected.total_examples = 42;
  expected.train_loss = 0.1;
  expected.median_norm = 1.0 / 3;
  EXPECT_EQ(Text(driver_.Round(before.id)), Text(expected));
  const TaskRow task = driver_.Task("digits");
  EXPECT_EQ(task.rounds_committed, 1);
  EXPECT_EQ(task.current_model, Sha256("trained"));
  EXPECT_EQ(task.updated, end);
  EXPECT_EQ(store().GetDevice(DeviceId(1))->contributions, 1);
  EXPECT_THAT(store().ReadSegments(before.id), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(store().ListContributions(before.id)->size(), 1u);
  EXPECT_THAT(store().GetUnfinishedRound("digits"),
              IsOkAndHolds(Eq(std::nullopt)));
  EXPECT_THAT(store().ReadModel(before.base_model, 0, 99), IsOk());
}

TEST_P(StoreTest, UndefinedLossesAreAbsent) {
  driver_.CreateTask("digits");
  const RoundRow round = driver_.RoundIn(RoundState::kRevealed, "digits");
  RoundResult result = MakeResult(round, "m");
  result.train_loss = std::nan("");
  result.train_accuracy = 0.5;

  SHOAL_ASSERT_OK(
      store().CommitRound(driver_.TakeLease("digits"), result, "m", Now()));

  EXPECT_FALSE(driver_.Round(round.id).train_loss.has_value());
  EXPECT_EQ(driver_.Round(round.id).train_accuracy, 0.5);
}

TEST_P(StoreTest, ResultOfAnotherVersionOrTaskIsRefused) {
  driver_.CreateTask("digits");
  const RoundRow round = driver_.RoundIn(RoundState::kRevealed, "digits");
  const Lease lease = driver_.TakeLease("digits");
  RoundResult result = MakeResult(round, "m");

  result.model.version = 2;
  EXPECT_THAT(store().CommitRound(lease, result, "m", Now()),
              StatusIs(kInvalidArgument));
  result.model.version = 1;
  result.model.task = "letters";
  EXPECT_THAT(store().CommitRound(lease, result, "m", Now()),
              StatusIs(kInvalidArgument));
  result.model.task = "digits";
  EXPECT_THAT(store().CommitRound(lease, result, "too long", Now()),
              StatusIs(kInvalidArgument));
  result.median_norm = std::nan("");
  EXPECT_THAT(store().CommitRound(lease, result, "m", Now()),
              StatusIs(kInvalidArgument));
  EXPECT_EQ(Text(driver_.Round(round.id)), Text(round));
  EXPECT_THAT(store().GetModel(Sha256("m")), StatusIs(kNotFound));
}

TEST_P(StoreTest, FailuresAreCountedUntilACommit) {
  driver_.CreateTask("digits");
  const RoundRow failed = driver_.RoundIn(RoundState::kFailed, "digits");
  driver_.RoundIn(RoundState::kFailed, "digits");
  const TaskRow between = driver_.Task("digits");
  driver_.RoundIn(RoundState::kCommitted, "digits");
  const TaskRow after = driver_.Task("digits");

  EXPECT_EQ(failed.failure, "min_reports");
  EXPECT_EQ(failed.finished, Now());
  EXPECT_EQ(between.rounds_failed, 2);
  EXPECT_EQ(between.rounds_failed_in_a_row, 2);
  EXPECT_EQ(after.rounds_failed, 2);
  EXPECT_EQ(after.rounds_failed_in_a_row, 0);
}

TEST_P(StoreTest, FailedRoundKeepsContributionsButNotSums) {
  driver_.CreateTask("digits");
  const RoundRow round = driver_.RoundIn(RoundState::kSealed, "digits");
  SHOAL_ASSERT_OK(store().FailRound(driver_.TakeLease("digits"), round.id,
                                    "non_finite", Now()));
  EXPECT_THAT(store().ReadSegments(round.id), IsOkAndHolds(IsEmpty()));
  EXPECT_EQ(store().ListContributions(round.id)->size(), 1u);
  EXPECT_EQ(store().GetDevice(DeviceId(1)).status().code(), kNotFound);
}

TEST_P(StoreTest, StoppingFailsTheUnsealedRound) {
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;
  driver_.Commit(id, {1});

  SHOAL_ASSERT_OK(
      store().SetTaskState("digits", TaskState::kStopped, "enough", Now()));

  EXPECT_EQ(driver_.Round(id).state, RoundState::kFailed);
  EXPECT_EQ(driver_.Round(id).failure, "stopped");
  EXPECT_EQ(driver_.Round(id).finished, Now());
  EXPECT_EQ(driver_.Task("digits").rounds_failed, 1);
  EXPECT_THAT(store().ReadSegments(id), IsOkAndHolds(IsEmpty()));
}

}  // namespace
}  // namespace shoal::coordinator
