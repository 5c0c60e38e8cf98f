// A database that comes back from a backup is found out by its ledger's log; a
// crash is not mistaken for that.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/file.h"
#include "gmock/gmock.h"
#include "tests/coordinator/store/restore_fixture.h"
#include "tests/support/small_disk.h"
#include "tests/support/system_call_kill.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::SmallDisk;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;
constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;

using RestoreTest = RestoreFixture;

// --- no restore --------------------------------------------------------------

TEST_F(RestoreTest, StoreWithoutChargesHasNoLog) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "open", ""));
  SHOAL_ASSERT_OK(RunRound(store(), "open", ""));
  EXPECT_FALSE(std::filesystem::exists(log_path_));
  Open();
  EXPECT_EQ(warning_, "");
  EXPECT_FALSE(std::filesystem::exists(log_path_));
}

TEST_F(RestoreTest, DatabaseThatWentOnIsNotSuspected) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "b"));
  const int64_t id = Collect(store(), "a");
  Open();
  EXPECT_EQ(warning_, "");
  SHOAL_ASSERT_OK(Seal(store(), id, MakeCharge(0, "one", "begun")));
  Open();
  EXPECT_EQ(warning_, "");
  EXPECT_EQ(StateOf(store(), "a"), "begun");
  SHOAL_ASSERT_OK(Release(store(), id, "state 1"));
  Open();
  EXPECT_EQ(warning_, "");
  SHOAL_ASSERT_OK(RunRound(store(), "b", "two", "other"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "", "state 2"));
  Open();
  EXPECT_EQ(warning_, "");
  EXPECT_EQ(StateOf(store(), "a"), "state 2");
  EXPECT_EQ(StateOf(store(), "b"), "other");
  EXPECT_THAT(EventsOf(store()), ElementsAre("one", "two"));
}

// --- restored from a backup --------------------------------------------------

TEST_F(RestoreTest, ChargesSinceTheBackupAreAddedAgainAndNoiseBeginsAnew) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "b"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "one", "state 1"));
  SHOAL_ASSERT_OK(RunRound(store(), "b", "two", "state of b"));
  Backup("backup");
  SHOAL_ASSERT_OK(RunRound(store(), "a", "three", "state 2"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "four", "state 3"));
  const std::vector<ChargeRow> before = *store().ListCharges("writers");
  Restore("backup");

  EXPECT_THAT(warning_, AllOf(HasSubstr("restored from a backup"),
                              HasSubstr("2 charges were added again"),
                              HasSubstr(log_path_)));
  const std::vector<ChargeRow> after = *store().ListCharges("writers");
  ASSERT_EQ(after.size(), 4u);
  for (int i = 0; i < 4; ++i) {
    EXPECT_EQ(after[i].event, before[i].event);
    EXPECT_EQ(after[i].task, before[i].task);
    EXPECT_EQ(after[i].round_id, before[i].round_id);
    EXPECT_EQ(after[i].charged, before[i].charged);
  }
  EXPECT_EQ(StateOf(store(), "a"), "");
  EXPECT_EQ(StateOf(store(), "b"), "");
  EXPECT_EQ(store().GetTask("a")->rounds_committed, 1);
  EXPECT_GT(Collect(store(), "a"), before[3].round_id)
      << "no id of a round that was charged is used again";

  Open();
  EXPECT_EQ(warning_, "") << "it is told once";
  EXPECT_EQ(EventsOf(store()).size(), 4u);
}

// Correlated noise is charged once, for all rounds.
TEST_F(RestoreTest, BackupIsFoundOutWhenNothingWasChargedSince) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "all rounds", "state 1"));
  Backup("backup");
  SHOAL_ASSERT_OK(RunRound(store(), "a", "", "state 2"));
  Restore("backup");
  EXPECT_THAT(warning_, AllOf(HasSubstr("restored from a backup"),
                              HasSubstr("0 charges were added again")));
  EXPECT_EQ(StateOf(store(), "a"), "") << "state 1 would draw again what was";
  EXPECT_THAT(EventsOf(store()), ElementsAre("all rounds"));
}

TEST_F(RestoreTest, BackupOfARunningRoundIsFoundOut) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "all rounds", "state 1"));
  const int64_t id = Collect(store(), "a");
  Backup("backup");
  SHOAL_ASSERT_OK(Seal(store(), id, std::nullopt));
  SHOAL_ASSERT_OK(Release(store(), id, "state 2"));
  Restore("backup");
  EXPECT_THAT(warning_, HasSubstr("restored from a backup"));
  EXPECT_EQ(StateOf(store(), "a"), "");
}

TEST_F(RestoreTest, BackupOfBeforeTheFirstTaskGetsItsBudgetBack) {
  Backup("backup");
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "one"));
  Restore("backup");
  EXPECT_THAT(warning_, HasSubstr("1 charge was added again"));
  EXPECT_THAT(EventsOf(store()), ElementsAre("one"));
  EXPECT_THAT(store().GetPrivacyBudget("writers"), IsOkAndHolds(kBudget));
  EXPECT_THAT(CreateTaskWith(store(), "b", ""), StatusIs(kFailedPrecondition));
  Open();
  EXPECT_EQ(warning_, "");
}

TEST_F(RestoreTest, RestoredDatabaseGoesOnAndIsFoundOutAgain) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "one", "state 1"));
  Backup("backup");
  SHOAL_ASSERT_OK(RunRound(store(), "a", "two", "state 2"));
  Restore("backup");
  SHOAL_ASSERT_OK(RunRound(store(), "a", "three", "new noise"));
  Open();
  EXPECT_EQ(warning_, "");
  EXPECT_EQ(StateOf(store(), "a"), "new noise");
  EXPECT_THAT(EventsOf(store()), ElementsAre("one", "two", "three"));
  Restore("backup");
  EXPECT_THAT(warning_, HasSubstr("2 charges"));
  EXPECT_THAT(EventsOf(store()), ElementsAre("one", "two", "three"));
}

// Its charges have the ids of those in the log.
TEST_F(RestoreTest, DatabaseThatWentOnWithoutItsLogKeepsTheChargesOfBothLives) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "one", "state 1"));
  Backup("backup");
  std::filesystem::rename(log_path_, folder_.path() + "/log of here");
  Restore("backup");  // somewhere else, so to speak
  EXPECT_THAT(warning_, HasSubstr("was missing"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "two elsewhere", "elsewhere"));
  Backup("elsewhere");

  std::filesystem::rename(folder_.path() + "/log of here", log_path_);
  Restore("backup");
  SHOAL_ASSERT_OK(RunRound(store(), "a", "two here", "here"));
  Restore("elsewhere");
  EXPECT_THAT(warning_, HasSubstr("1 charge was added again"));
  EXPECT_EQ(StateOf(store(), "a"), "");
  EXPECT_THAT(EventsOf(store()),
              ElementsAre("one", "two elsewhere", "two here"));
  Restore("backup");
  EXPECT_THAT(EventsOf(store()),
              UnorderedElementsAre("one", "two elsewhere", "two here"))
      << "the log knows both";
}

// --- the log -----------------------------------------------------------------

TEST_F(RestoreTest, NoiseBeginsAnewWhenTheLogIsMissing) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(
      Seal(store(), Collect(store(), "a"), MakeCharge(0, "one", "begun")));
  Backup("backup");
  std::filesystem::remove(log_path_);
  Open();
  EXPECT_THAT(warning_, AllOf(HasSubstr(log_path_), HasSubstr("was missing"),
                              HasSubstr("begins anew")));
  EXPECT_EQ(StateOf(store(), "a"), "");
  EXPECT_THAT(EventsOf(store()), ElementsAre("one"));
  Open();
  EXPECT_EQ(warning_, "") << "there is a new one";
  Restore("backup");
  EXPECT_THAT(warning_, HasSubstr("restored")) << "which knows a new life";
}

TEST_F(RestoreTest, LogThatIsOlderThanTheDatabaseIsNotTrusted) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "one", "state 1"));
  Copy(log_path_, folder_.path() + "/old log");
  SHOAL_ASSERT_OK(RunRound(store(), "a", "two", "state 2"));
  Copy(folder_.path() + "/old log", log_path_);
  Open();
  EXPECT_NE(warning_, "");
  EXPECT_EQ(StateOf(store(), "a"), "");
  EXPECT_THAT(EventsOf(store()), ElementsAre("one", "two"));
  EXPECT_THAT(*ReadFile(log_path_), HasSubstr("two")) << "it has it again";
  Open();
  EXPECT_EQ(warning_, "");
}

TEST_F(RestoreTest, LogOfAnotherDatabaseIsRefused) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "one", "state 1"));
  const std::string mine = Require(ReadFile(log_path_));
  const std::string other_path = folder_.path() + "/other.db";
  {
    const auto other = Require(OpenSqliteStore(other_path));
    SHOAL_ASSERT_OK(CreateTaskWith(*other, "a"));
    SHOAL_ASSERT_OK(RunRound(*other, "a", "one", "state 1"));
  }
  store_.reset();
  Copy(other_path + ".ledger", log_path_);
  EXPECT_THAT(
      OpenSqliteStore(path_),
      StatusIs(kFailedPrecondition,
               AllOf(HasSubstr(log_path_), HasSubstr("log of database"))));
  std::ofstream(log_path_) << mine;
  Open();
  EXPECT_EQ(warning_, "");
  EXPECT_EQ(StateOf(store(), "a"), "state 1") << "nothing has changed";
}

TEST_F(RestoreTest, DamagedLogIsRefused) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "one"));
  store_.reset();
  std::string bytes = Require(ReadFile(log_path_));
  bytes[bytes.find("one")] = 'O';
  std::ofstream(log_path_) << bytes;
  EXPECT_THAT(OpenSqliteStore(path_),
              StatusIs(kDataLoss, HasSubstr("line 2 is damaged")));
}

TEST_F(RestoreTest, TornLastLineIsNoDamage) {
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "one", "state 1"));
  store_.reset();
  std::ofstream(log_path_, std::ios::app) << "release\ta\t2\tdead";
  Open();
  EXPECT_EQ(warning_, "");
  EXPECT_EQ(StateOf(store(), "a"), "state 1");
  SHOAL_ASSERT_OK(RunRound(store(), "a", "two", "state 2"));
  Open();
  EXPECT_EQ(warning_, "");
}

TEST_F(RestoreTest, FullDiskOfTheLogSealsAndReleasesNothing) {
  SmallDisk disk;
  SHOAL_SKIP_UNLESS_MOUNTED(disk);
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "one", "state 1"));
  store_.reset();
  const std::string moved = disk.path() + "/log";
  Copy(log_path_, moved);
  std::filesystem::remove(log_path_);
  std::filesystem::create_symlink(moved, log_path_);
  Open();
  const int64_t id = Collect(store(), "a");
  const std::string collecting = Text(*store().GetRound(id));
  const auto fill = [&] {
    std::ofstream(disk.path() + "/filler") << std::string(9 << 20, 'x');
  };
  // All but 20 bytes of the log's third page, with a line as long as that of
  // "one" but for the event.
  const std::string log = Require(ReadFile(moved));
  const size_t charge = log.find("charge\t");
  const size_t line = log.find('\n', charge) + 1 - charge;
  const std::string event(3 * 4096 - 20 - log.size() - line + 3, 'x');
  fill();
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_THAT(Seal(store(), id, MakeCharge(1, event, "begun")),
                StatusIs(absl::StatusCode::kResourceExhausted,
                         AllOf(HasSubstr(log_path_),
                               HasSubstr("rounds with privacy"))));
  }
  EXPECT_EQ(Text(*store().GetRound(id)), collecting);
  EXPECT_THAT(EventsOf(store()), ElementsAre("one"));
  EXPECT_EQ(StateOf(store(), "a"), "state 1");
  EXPECT_EQ(*ReadFile(moved), log);

  std::filesystem::remove(disk.path() + "/filler");
  SHOAL_ASSERT_OK(Seal(store(), id, MakeCharge(1, event, "begun")));
  const std::string before = Text(*store().GetRound(id));
  fill();
  for (int attempt = 0; attempt < 2; ++attempt) {
    EXPECT_THAT(Release(store(), id, "state 2"),
                StatusIs(absl::StatusCode::kResourceExhausted,
                         AllOf(HasSubstr(log_path_),
                               HasSubstr("rounds with privacy"))));
  }
  EXPECT_EQ(Text(*store().GetRound(id)), before);
  EXPECT_EQ(store().GetTask("a")->rounds_committed, 1);
  EXPECT_EQ(StateOf(store(), "a"), "begun");

  std::filesystem::remove(disk.path() + "/filler");
  SHOAL_ASSERT_OK(Release(store(), id, "state 2"));
  Open();
  EXPECT_EQ(warning_, "");
  EXPECT_EQ(StateOf(store(), "a"), "state 2");
}

// --- between log and database ------------------------------------------------

// What a crash leaves, or a backup of just then: the log has the round, the
// database does not.
class HalfReleasedTest : public RestoreFixture {
 protected:
  HalfReleasedTest() {
    SHOAL_EXPECT_OK(CreateTaskWith(store(), "a"));
    SHOAL_EXPECT_OK(CreateTaskWith(store(), "b"));
    SHOAL_EXPECT_OK(RunRound(store(), "b", "of b", "state of b"));
    id_ = Collect(store(), "a");
    SHOAL_EXPECT_OK(Seal(store(), id_, MakeCharge(1, "one", "begun")).status());
    Backup("sealed");
    SHOAL_EXPECT_OK(Release(store(), id_, "state 1", "the model"));
    Restore("sealed");
  }
  int64_t id_ = 0;
};

TEST_F(HalfReleasedTest, SameReleaseGoesOn) {
  EXPECT_EQ(warning_, "");
  EXPECT_EQ(StateOf(store(), "a"), "begun");
  const std::string log = Require(ReadFile(log_path_));
  SHOAL_ASSERT_OK(Release(store(), id_, "state 1", "the model"));
  EXPECT_EQ(*ReadFile(log_path_), log) << "it is there once";
  Open();
  EXPECT_EQ(warning_, "");
  EXPECT_EQ(StateOf(store(), "a"), "state 1");
}

TEST_F(HalfReleasedTest, AnotherReleaseOfTheRoundIsRefused) {
  const std::string before = Text(*store().GetRound(id_));
  EXPECT_THAT(Release(store(), id_, "state 1", "another model"),
              StatusIs(kDataLoss, AllOf(HasSubstr("may have been released"),
                                        HasSubstr("'a'"))));
  EXPECT_EQ(Text(*store().GetRound(id_)), before);
  EXPECT_EQ(StateOf(store(), "a"), "begun");
  // Also when another task has released since, and the store was opened again.
  SHOAL_ASSERT_OK(RunRound(store(), "b", "", "state of b, 2"));
  Open();
  EXPECT_EQ(warning_, "");
  EXPECT_THAT(Release(store(), id_, "state 1", "another model"),
              StatusIs(kDataLoss));
}

TEST_F(HalfReleasedTest, NoiseOfItsTaskBeginsAnewWhenTheRoundFails) {
  const Lease lease =
      Require(store().AcquireLease("a", "us", Now(), kLeaseTime));
  SHOAL_ASSERT_OK(store().FailRound(lease, id_, "corrupt_rows", Now()));
  Open();
  EXPECT_EQ(warning_, "") << "it is known to have failed";
  EXPECT_EQ(StateOf(store(), "a"), "");
  EXPECT_EQ(StateOf(store(), "b"), "state of b");
  EXPECT_THAT(EventsOf(store()), ElementsAre("of b", "one"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "two", "anew"));
  Open();
  EXPECT_EQ(warning_, "");
  EXPECT_EQ(StateOf(store(), "a"), "anew");
}

TEST_F(HalfReleasedTest, OtherTasksGoOn) {
  SHOAL_ASSERT_OK(RunRound(store(), "b", "", "state of b, 2"));
  SHOAL_ASSERT_OK(Release(store(), id_, "state 1", "the model"));
  Open();
  EXPECT_EQ(warning_, "");
  EXPECT_EQ(StateOf(store(), "b"), "state of b, 2");
}

TEST_F(HalfReleasedTest, RoundsThatFollowedInTheLogMakeItARestore) {
  SHOAL_ASSERT_OK(Release(store(), id_, "state 1", "the model"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "", "state 2"));
  Restore("sealed");
  EXPECT_THAT(warning_, HasSubstr("restored from a backup"));
  EXPECT_EQ(StateOf(store(), "a"), "");
  EXPECT_EQ(StateOf(store(), "b"), "");
  EXPECT_THAT(Release(store(), id_, "", "another model"), StatusIs(kDataLoss));
}

// --- crashes -----------------------------------------------------------------

// Opens the store and does what is left of the round.
void Finish(const std::string& path, int64_t id) {
  std::string warning;
  const auto store = Require(OpenSqliteStore(path, &warning));
  EXPECT_EQ(warning, "");
  if (Require(store->GetRound(id)).state == RoundState::kCollecting) {
    SHOAL_EXPECT_OK(
        Seal(*store, id, MakeCharge(1, "all rounds", "begun")).status());
  }
  if (Require(store->GetRound(id)).state == RoundState::kSealed) {
    EXPECT_EQ(StateOf(*store, "a"), "begun");
    SHOAL_EXPECT_OK(Release(*store, id, "state 1"));
  }
  EXPECT_EQ(StateOf(*store, "a"), "state 1");
  EXPECT_EQ(StateOf(*store, "b"), "state of b");
  EXPECT_THAT(EventsOf(*store), ElementsAre("of b", "all rounds"));
}

TEST_F(RestoreTest, RoundGoesOnWhereverACrashComesBetweenItsSteps) {
  if (!testing::CanTrace()) GTEST_SKIP() << "needs the right to trace a child";
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "b"));
  SHOAL_ASSERT_OK(RunRound(store(), "b", "of b", "state of b"));
  const int64_t id = Collect(store(), "a");
  Backup("backup");
  store_.reset();
  Copy(log_path_, folder_.path() + "/log");
  const auto begin = [&] {
    for (const char* suffix : {"-wal", "-shm"}) {
      std::filesystem::remove(path_ + suffix);
    }
    Copy(folder_.path() + "/backup", path_);
    Copy(folder_.path() + "/log", log_path_);
  };
  // The steps before the first of interest are those of opening the store.
  const auto opens = [&] { Require(OpenSqliteStore(path_)).release(); };
  int first = 0;
  for (int step = 1 << 12; step > 0; step /= 2) {
    begin();
    if (testing::KillAtSystemCall(first + step, opens)) first += step;
  }
  first = std::max(first - 20, 0);
  int stop = first;
  for (bool killed = true; killed; stop += 5) {
    SCOPED_TRACE(stop);
    begin();
    killed = testing::KillAtSystemCall(stop, [&] { Finish(path_, id); });
    Finish(path_, id);
    ASSERT_FALSE(HasFailure());
    // What was released is known, whichever process has done it.
    Copy(folder_.path() + "/backup", path_);
    Open();
    EXPECT_THAT(warning_, HasSubstr("1 charge was added again"));
    EXPECT_THAT(EventsOf(store()), ElementsAre("of b", "all rounds"));
    store_.reset();
  }
  EXPECT_GT(stop - first, 100);  // it was killed at many places
}

}  // namespace
}  // namespace shoal::coordinator
