#include <algorithm>
#include <optional>
#include <string>
#include <utility>
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
using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kAlreadyExists = absl::StatusCode::kAlreadyExists;
constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kInvalidArgument = absl::StatusCode::kInvalidArgument;
constexpr auto kNotFound = absl::StatusCode::kNotFound;
constexpr auto kOutOfRange = absl::StatusCode::kOutOfRange;

TEST_P(StoreTest, TaskComesBackWithEveryField) {
  const TaskRow task = driver_.CreateTask("digits");

  EXPECT_EQ(Text(driver_.Task("digits")), Text(task));
}

TEST_P(StoreTest, TasksAreListedByName) {
  driver_.CreateTask("b");
  driver_.CreateTask("a");

  SHOAL_ASSERT_OK_AND_ASSIGN(const std::vector<TaskRow> tasks,
                             store().ListTasks());

  ASSERT_EQ(tasks.size(), 2u);
  EXPECT_EQ(tasks[0].name, "a");
  EXPECT_EQ(tasks[1].name, "b");
}

TEST_P(StoreTest, TaskNamesAreUnique) {
  const TaskRow task = driver_.CreateTask("digits");
  TaskRow other = MakeTask("digits", "other");
  other.population = "others";

  EXPECT_THAT(
      store().CreateTask(other, MakeModel("digits", 0, "other"), "other"),
      StatusIs(kAlreadyExists, HasSubstr("'digits'")));
  EXPECT_EQ(Text(driver_.Task("digits")), Text(task));
  EXPECT_THAT(store().GetModel(Sha256("other")), StatusIs(kNotFound));
}

TEST_P(StoreTest, TaskStartsFromItsOwnVersionZero) {
  const TaskRow task = MakeTask("digits", "model");
  EXPECT_THAT(store().CreateTask(task, MakeModel("x", 0, "model"), "model"),
              StatusIs(kInvalidArgument));
  EXPECT_THAT(
      store().CreateTask(task, MakeModel("digits", 1, "model"), "model"),
      StatusIs(kInvalidArgument));
  EXPECT_THAT(
      store().CreateTask(task, MakeModel("digits", 0, "other"), "other"),
      StatusIs(kInvalidArgument));
  EXPECT_THAT(store().ListTasks(), IsOkAndHolds(IsEmpty()));
}

TEST_P(StoreTest, ModelSizeThatIsNotThatOfItsBytesIsRefused) {
  EXPECT_THAT(store().CreateTask(MakeTask("digits", "model"),
                                 MakeModel("digits", 0, "model"), "models"),
              StatusIs(kInvalidArgument, HasSubstr("5 bytes, but has 6")));
}

TEST_P(StoreTest, UnknownTaskIsNotFound) {
  EXPECT_THAT(store().GetTask("x"), StatusIs(kNotFound, HasSubstr("'x'")));
  EXPECT_THAT(store().SetTaskState("x", TaskState::kPaused, "", Now()),
              StatusIs(kNotFound));
  EXPECT_THAT(store().AcquireLease("x", "us", Now(), kLeaseTime),
              StatusIs(kNotFound));
  EXPECT_THAT(store().GetOptimizerState("x"), StatusIs(kNotFound));
  EXPECT_THAT(store().OpenRound({"x", "us", 1}, MakeRoundOf(MakeTask("x", ""))),
              StatusIs(kNotFound));
  EXPECT_THAT(store().ListModels("x", 5), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(store().ListRounds("x", 5, 0), IsOkAndHolds(IsEmpty()));
  EXPECT_THAT(store().GetUnfinishedRound("x"), IsOkAndHolds(Eq(std::nullopt)));
}

// --- states of a task --------------------------------------------------------

TEST_P(StoreTest, TaskIsPausedAndResumed) {
  driver_.CreateTask("digits");
  const absl::Time later = Now() + absl::Hours(1);

  SHOAL_ASSERT_OK(
      store().SetTaskState("digits", TaskState::kPaused, "lunch", later));
  const TaskRow paused = driver_.Task("digits");
  SHOAL_ASSERT_OK(
      store().SetTaskState("digits", TaskState::kActive, "", later));

  EXPECT_EQ(paused.state, TaskState::kPaused);
  EXPECT_EQ(paused.note, "lunch");
  EXPECT_EQ(paused.updated, later);
  EXPECT_EQ(driver_.Task("digits").state, TaskState::kActive);
}

TEST_P(StoreTest, StoppedTaskStaysStopped) {
  driver_.CreateTask("digits");
  SHOAL_ASSERT_OK(
      store().SetTaskState("digits", TaskState::kStopped, "enough", Now()));
  const std::string before = Text(driver_.Task("digits"));

  for (TaskState state :
       {TaskState::kActive, TaskState::kPaused, TaskState::kStopped}) {
    EXPECT_THAT(store().SetTaskState("digits", state, "", Now()),
                StatusIs(kFailedPrecondition, HasSubstr("stopped")));
  }
  EXPECT_EQ(Text(driver_.Task("digits")), before);
}

TEST_P(StoreTest, TaskIsNotCompletedByHand) {
  driver_.CreateTask("digits");
  EXPECT_THAT(store().SetTaskState("digits", TaskState::kCompleted, "", Now()),
              StatusIs(kInvalidArgument));
}

TEST_P(StoreTest, TaskCompletesWithItsLastRound) {
  driver_.CreateTask("digits");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(driver_.Task("digits").state, TaskState::kActive);
    driver_.RoundIn(RoundState::kCommitted, "digits");
  }

  const TaskRow task = driver_.Task("digits");
  EXPECT_EQ(task.state, TaskState::kCompleted);
  EXPECT_EQ(task.rounds_committed, 3);
  EXPECT_EQ(task.note, "");
  EXPECT_THAT(store().SetTaskState("digits", TaskState::kActive, "", Now()),
              StatusIs(kFailedPrecondition, HasSubstr("completed")));
  EXPECT_THAT(store().OpenRound(driver_.TakeLease("digits"), MakeRoundOf(task)),
              StatusIs(kFailedPrecondition));
}

TEST_P(StoreTest, OnlyActiveTasksOpenRounds) {
  driver_.CreateTask("digits");
  SHOAL_ASSERT_OK(
      store().SetTaskState("digits", TaskState::kPaused, "", Now()));
  EXPECT_THAT(store().OpenRound(driver_.TakeLease("digits"),
                                MakeRoundOf(driver_.Task("digits"))),
              StatusIs(kFailedPrecondition, HasSubstr("paused")));
}

TEST_P(StoreTest, PausedTaskFinishesItsRound) {
  driver_.CreateTask("digits");
  const RoundRow round = driver_.RoundIn(RoundState::kRevealed, "digits");
  SHOAL_ASSERT_OK(
      store().SetTaskState("digits", TaskState::kPaused, "lunch", Now()));

  SHOAL_ASSERT_OK(store().CommitRound(driver_.TakeLease("digits"),
                                      MakeResult(round, "m"), "m", Now()));

  EXPECT_EQ(driver_.Task("digits").state, TaskState::kPaused);
  EXPECT_EQ(driver_.Task("digits").rounds_committed, 1);
}

// --- leases ------------------------------------------------------------------

TEST_P(StoreTest, EpochGrowsWithEveryChangeOfHolder) {
  driver_.CreateTask("digits");  // "us", epoch 1
  const absl::Time later = Now() + kLeaseTime;
  const absl::Time last = later + kLeaseTime;

  EXPECT_EQ(driver_.TakeLease("digits").epoch, 1);
  EXPECT_EQ(store().AcquireLease("digits", "them", later, kLeaseTime)->epoch,
            2);
  EXPECT_EQ(store().AcquireLease("digits", "us", last, kLeaseTime)->epoch, 3);
}

TEST_P(StoreTest, LeaseOfAnotherIsRespectedUntilItsLastMicrosecond) {
  driver_.CreateTask("digits");
  const absl::Time end = Now() + kLeaseTime;

  EXPECT_THAT(store().AcquireLease("digits", "them",
                                   end - absl::Microseconds(1), kLeaseTime),
              StatusIs(kFailedPrecondition, HasSubstr("'us'")));
  EXPECT_THAT(store().AcquireLease("digits", "them", end, kLeaseTime), IsOk());
}

TEST_P(StoreTest, RenewalMovesTheEnd) {
  driver_.CreateTask("digits");
  SHOAL_ASSERT_OK(store().AcquireLease("digits", "us",
                                       Now() + absl::Seconds(10), kLeaseTime));
  EXPECT_THAT(
      store().AcquireLease("digits", "them", Now() + kLeaseTime, kLeaseTime),
      StatusIs(kFailedPrecondition));
}

TEST_P(StoreTest, LeaseOfAnotherTaskGivesNoRight) {
  driver_.CreateTask("digits");
  driver_.CreateTask("letters");
  const RoundRow round = driver_.RoundIn(RoundState::kCollecting, "digits");
  EXPECT_THAT(
      store().FailRound(driver_.TakeLease("letters"), round.id, "x", Now()),
      StatusIs(kInvalidArgument, HasSubstr("'letters'")));
}

// --- models ------------------------------------------------------------------

TEST_P(StoreTest, ModelsComeBackWithEveryField) {
  driver_.CreateTask("digits");
  const RoundRow round = driver_.RoundIn(RoundState::kRevealed, "digits");
  const RoundResult result = MakeResult(round, "trained");
  SHOAL_ASSERT_OK(store().CommitRound(driver_.TakeLease("digits"), result,
                                      "trained", Now()));

  SHOAL_ASSERT_OK_AND_ASSIGN(const ModelRow model,
                             store().GetModel(Sha256("trained")));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::vector<ModelRow> models,
                             store().ListModels("digits", 10));

  EXPECT_EQ(Text(model), Text(result.model));
  ASSERT_EQ(models.size(), 2u);
  EXPECT_EQ(Text(models[0]), Text(result.model));
  EXPECT_EQ(Text(models[1]),
            Text(MakeModel("digits", 0, "initial model of digits")));
}

TEST_P(StoreTest, NewestModelsAreListedFirstUpToTheLimit) {
  driver_.CreateTask("digits");
  for (int i = 0; i < 3; ++i) driver_.RoundIn(RoundState::kCommitted, "digits");

  SHOAL_ASSERT_OK_AND_ASSIGN(const std::vector<ModelRow> models,
                             store().ListModels("digits", 2));

  ASSERT_EQ(models.size(), 2u);
  EXPECT_EQ(models[0].version, 3);
  EXPECT_EQ(models[1].version, 2);
  EXPECT_THAT(store().ListModels("digits", 0), IsOkAndHolds(IsEmpty()));
}

TEST_P(StoreTest, VersionsWithTheSameBytesShareThem) {
  const TaskRow task = MakeTask("a", "same");
  SHOAL_ASSERT_OK(store().CreateTask(task, MakeModel("a", 0, "same"), "same"));
  SHOAL_ASSERT_OK(store().CreateTask(MakeTask("b", "same"),
                                     MakeModel("b", 0, "same"), "same"));
  const RoundRow round = driver_.RoundIn(RoundState::kRevealed, "a");
  SHOAL_ASSERT_OK(store().CommitRound(
      driver_.TakeLease("a"), MakeResult(round, "same"), "same", Now()));

  EXPECT_EQ(store().GetModel(Sha256("same"))->task, "a");
  EXPECT_EQ(store().GetModel(Sha256("same"))->version, 0);
  EXPECT_EQ(store().ListModels("a", 9)->size(), 2u);
  EXPECT_EQ(store().ListModels("b", 9)->size(), 1u);
  EXPECT_THAT(store().ReadModel(Sha256("same"), 0, 99), IsOkAndHolds("same"));
}

TEST_P(StoreTest, LargeModelIsReadAtAnyOffset) {
  constexpr int64_t kSize = 20'000'003;
  constexpr int64_t kStep = 256 * 1024;
  const std::string bytes = SomeBytes(kSize, 1);
  SHOAL_ASSERT_OK(store().CreateTask(MakeTask("big", bytes),
                                     MakeModel("big", 0, bytes), bytes));
  const Digest digest = Sha256(bytes);

  std::string whole;
  while (static_cast<int64_t>(whole.size()) < kSize) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const std::string part,
                               store().ReadModel(digest, whole.size(), kStep));
    ASSERT_EQ(part.size(), std::min<size_t>(kStep, kSize - whole.size()));
    whole += part;
  }

  EXPECT_TRUE(whole == bytes);
  for (const auto& [offset, size] :
       std::vector<std::pair<int64_t, int64_t>>{{0, 1},
                                                {kStep - 1, 2},
                                                {kStep, kStep},
                                                {1, 3 * kStep},
                                                {kSize - 1, 1},
                                                {kSize - 1, int64_t{1} << 62},
                                                {0, kSize}}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const std::string part,
                               store().ReadModel(digest, offset, size));
    EXPECT_TRUE(part == bytes.substr(offset, size)) << offset << "+" << size;
  }
}

TEST_P(StoreTest, ModelReadsEndWithTheModel) {
  driver_.CreateTask("digits");
  const Digest digest = driver_.Task("digits").current_model;
  const int64_t size = store().GetModel(digest)->num_bytes;

  EXPECT_THAT(store().ReadModel(digest, size, 10), IsOkAndHolds(""));
  EXPECT_THAT(store().ReadModel(digest, 3, 0), IsOkAndHolds(""));
  EXPECT_THAT(store().ReadModel(digest, size + 1, 1), StatusIs(kOutOfRange));
  EXPECT_THAT(store().ReadModel(digest, -1, 1), StatusIs(kInvalidArgument));
  EXPECT_THAT(store().ReadModel(digest, 0, -1), StatusIs(kInvalidArgument));
  EXPECT_THAT(store().ReadModel(Sha256("no"), 0, 1), StatusIs(kNotFound));
}

TEST_P(StoreTest, EmptyModelIsAModel) {
  SHOAL_ASSERT_OK(
      store().CreateTask(MakeTask("none", ""), MakeModel("none", 0, ""), ""));
  EXPECT_THAT(store().ReadModel(Sha256(""), 0, 10), IsOkAndHolds(""));
}

TEST_P(StoreTest, OptimizerStateIsThatOfTheLastCommittedRound) {
  driver_.CreateTask("digits");
  EXPECT_THAT(store().GetOptimizerState("digits"), IsOkAndHolds(""));
  driver_.RoundIn(RoundState::kCommitted, "digits");
  driver_.RoundIn(RoundState::kCommitted, "digits");
  EXPECT_THAT(store().GetOptimizerState("digits"),
              IsOkAndHolds(std::string("state\0after 2", 13)));
}

}  // namespace
}  // namespace shoal::coordinator
