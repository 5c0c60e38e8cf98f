#include <cmath>
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

constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kInvalidArgument = absl::StatusCode::kInvalidArgument;
constexpr auto kNotFound = absl::StatusCode::kNotFound;

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
  EXPECT_THAT(store().SealRound(lease, 99, 0, std::nullopt, Now()),
              StatusIs(kNotFound));
  EXPECT_THAT(store().RevealRound(lease, 99, Now()), StatusIs(kNotFound));
  EXPECT_THAT(store().CommitRound(lease, MakeResult(ghost, "m"), "m", Now()),
              StatusIs(kNotFound));
  EXPECT_THAT(store().FailRound(lease, 99, "x", Now()), StatusIs(kNotFound));
}

// --- seal, reveal, commit, fail ----------------------------------------------

TEST_P(StoreTest, SealFreezesTheContributors) {
  driver_.CreateTask("digits");
  const int64_t id = driver_.RoundIn(RoundState::kCollecting, "digits").id;
  driver_.Commit(id, {3, 1});
  driver_.Commit(id, {2});

  SHOAL_ASSERT_OK_AND_ASSIGN(const RoundRow sealed,
                             store().SealRound(driver_.TakeLease("digits"), id,
                                               3, std::nullopt, Now()));

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

  EXPECT_THAT(store().SealRound(driver_.TakeLease("digits"), id, 2,
                                std::nullopt, Now()),
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

TEST_P(StoreTest, RoundThatFailedOnCorruptRowsKeepsThemAndTheTaskCanBeStopped) {
  driver_.CreateTask("digits");
  const RoundRow round = driver_.RoundIn(RoundState::kSealed, "digits");
  SHOAL_ASSERT_OK(store().FailRound(driver_.TakeLease("digits"), round.id,
                                    "corrupt_rows", Now()));

  EXPECT_EQ(driver_.Round(round.id).state, RoundState::kFailed);
  EXPECT_EQ(driver_.Round(round.id).failure, "corrupt_rows");
  EXPECT_EQ(store().ReadSegments(round.id)->size(), 1u);
  EXPECT_EQ(store().ListContributions(round.id)->size(), 1u);
  SHOAL_EXPECT_OK(
      store().SetTaskState("digits", TaskState::kPaused, "", Now()));
  SHOAL_EXPECT_OK(
      store().SetTaskState("digits", TaskState::kStopped, "", Now()));
  EXPECT_EQ(store().ReadSegments(round.id)->size(), 1u);
}

TEST_P(StoreTest, RoundOfPlainSumsIsCommittedFromItsSeal) {
  driver_.CreateTask("digits");
  const RoundRow round = driver_.RoundIn(RoundState::kSealed, "digits");

  SHOAL_ASSERT_OK(store().CommitRound(driver_.TakeLease("digits"),
                                      MakeResult(round, "m"), "m", Now()));

  EXPECT_EQ(driver_.Round(round.id).state, RoundState::kCommitted);
  EXPECT_EQ(driver_.Task("digits").current_model, Sha256("m"));
  EXPECT_THAT(store().ReadSegments(round.id), IsOkAndHolds(IsEmpty()));
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
