#include <cmath>
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
using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

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

TEST_P(StoreTest, RoundIsReadWithItsAssignments) {
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;
  const RoundSnapshot snapshot = Require(store().ReadRound(id));
  EXPECT_EQ(Text(snapshot.round), Text(driver_.Round(id)));
  ASSERT_EQ(snapshot.assignments.size(), 1u);
  EXPECT_EQ(snapshot.assignments[0].device_id, DeviceId(1));
  EXPECT_THAT(store().ReadRound(99), StatusIs(kNotFound));
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

}  // namespace
}  // namespace shoal::coordinator
