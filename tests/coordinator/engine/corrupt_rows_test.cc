// What cannot be read back right ends the round, not the task.
#include "coordinator/engine/round_engine.h"
#include "tests/coordinator/engine/engine_fixture.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::StoreFault;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class CorruptRowsTest : public EngineTest {
 protected:
  // Calls of `method` find damage from now on.
  void Damage(absl::string_view method) {
    store_.SetError(absl::DataLossError("a page is torn"));
    store_.SetFaults([method](absl::string_view called) {
      return called == method ? StoreFault::kBefore : StoreFault::kNone;
    });
  }
  // A round that is sealed when the process dies, with two contributions.
  void SealAndDie() {
    CreateTask();
    const std::string first = Assign(1).token;
    const std::string second = Assign(2).token;
    bool dead = false;
    store_.SetFaults([dead](absl::string_view called) mutable {
      dead = dead || called == "ReadModel";
      return dead ? StoreFault::kBefore : StoreFault::kNone;
    });
    Require(Send(1, first, Update({1})));
    Require(Send(2, second, Update({4})));
    Advance();
    ASSERT_EQ(TheRound().state, RoundState::kSealed);
  }
  RoundRow TheRound() { return Require(memory_->GetRound(1)); }
  void ExpectFailedForGood() {
    EXPECT_EQ(TheRound().state, RoundState::kFailed);
    EXPECT_EQ(TheRound().failure, "corrupt_rows");
    EXPECT_THAT(Require(memory_->ReadSegments(1)), SizeIs(1));
    EXPECT_THAT(Require(memory_->ListContributions(1)), SizeIs(2));
    EXPECT_EQ(TaskNamed().rounds_failed_in_a_row, 1);
    EXPECT_EQ(TaskNamed().rounds_committed, 0);
  }
};

class DamageAfterSealTest : public CorruptRowsTest,
                            public ::testing::WithParamInterface<const char*> {
};

TEST_P(DamageAfterSealTest, RoundFailsForGoodAndKeepsItsRows) {
  SealAndDie();
  Damage(GetParam());
  Restart();
  Advance();
  ExpectFailedForGood();
}

TEST_P(DamageAfterSealTest, TaskCanBePausedAndStopped) {
  SealAndDie();
  Damage(GetParam());
  Restart();
  Advance();
  EXPECT_THAT(engine().SetTaskState("task", TaskState::kPaused, now_), IsOk());
  EXPECT_THAT(engine().SetTaskState("task", TaskState::kStopped, now_), IsOk());
  Advance();
  EXPECT_EQ(TaskNamed().state, TaskState::kStopped);
}

INSTANTIATE_TEST_SUITE_P(EveryRead, DamageAfterSealTest,
                         ::testing::Values("ReadSegments", "ListContributions",
                                           "ReadModel", "GetOptimizerState"));

TEST_F(CorruptRowsTest, NextRoundIsTriedAfterAPause) {
  SealAndDie();
  Damage("ReadSegments");
  Restart();
  Advance();
  store_.SetFaults(nullptr);
  Pass(options_.failure_backoff);
  Advance();
  Contribute(1);
  Contribute(2);
  EXPECT_EQ(TaskNamed().rounds_committed, 1);
  EXPECT_EQ(TheRound().state, RoundState::kFailed);
}

TEST_F(CorruptRowsTest, SegmentThatIsNoSumFailsTheRound) {
  CreateTask();
  Assign(1);
  Assign(2);
  ContributionRow row;
  row.device_id = Device(1).id;
  row.update_digest = Sha256("x");
  Require(memory_->CommitSegment({1, "bad", "rubbish", 1}, {row}));
  Pass(absl::Minutes(1));
  Restart();
  Advance();
  EXPECT_EQ(TheRound().failure, "corrupt_rows");
  ASSERT_THAT(Require(memory_->ReadSegments(1)), SizeIs(1));
  EXPECT_EQ(Require(memory_->ReadSegments(1))[0].sum, "rubbish");
}

TEST_F(CorruptRowsTest, SegmentsWithFewerUpdatesThanContributorsFailTheRound) {
  CreateTask();
  Contribute(1);
  const std::string sum = Require(memory_->ReadSegments(1))[0].sum;
  ContributionRow rows[2];
  rows[0].device_id = Device(8).id;
  rows[1].device_id = Device(9).id;
  for (ContributionRow& row : rows) row.update_digest = Sha256("x");
  Require(memory_->CommitSegment({1, "one of two", sum, 1}, rows));
  Restart();
  Advance();
  EXPECT_EQ(TheRound().failure, "corrupt_rows");
}

TEST_F(CorruptRowsTest, ContributorsThatCannotBeReadFailTheRoundAtItsSeal) {
  CreateTask();
  Require(Send(1, Assign(1).token, Update({1})));
  Require(Send(2, Assign(2).token, Update({1})));
  Damage("SealRound");
  Advance();
  ExpectFailedForGood();
}

TEST_F(CorruptRowsTest, StoreThatIsAwayFailsNoRound) {
  SealAndDie();
  Damage("ReadSegments");
  store_.SetError(absl::UnavailableError("away"));
  Restart();
  Advance();
  EXPECT_EQ(TheRound().state, RoundState::kSealed);
}

}  // namespace
}  // namespace shoal::coordinator
