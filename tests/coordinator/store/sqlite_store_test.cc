// What only the SQLite store promises: its file, its crashes, its disk.
#include "coordinator/store/sqlite_store.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "coordinator/store/sqlite_schema.h"
#include "gmock/gmock.h"
#include "tests/coordinator/store/store_fixture.h"
#include "tests/support/small_disk.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::IsOk;
using ::shoal::testing::SmallDisk;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kDataLoss = absl::StatusCode::kDataLoss;
constexpr auto kFailedPrecondition = absl::StatusCode::kFailedPrecondition;
constexpr auto kResourceExhausted = absl::StatusCode::kResourceExhausted;

class SqliteStoreTest : public ::testing::Test {
 protected:
  // Changes the file behind the store's back.
  void Execute(const std::string& sql) {
    sqlite3* handle = nullptr;
    ASSERT_EQ(sqlite3_open(path_.c_str(), &handle), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr),
              SQLITE_OK)
        << sqlite3_errmsg(handle);
    sqlite3_close(handle);
  }

  // What version 6 of the schema has added.
  void DropPrivacy() {
    Execute(
        "ALTER TABLE tasks DROP COLUMN privacy_budget; "
        "DROP TABLE privacy_budgets; DROP TABLE privacy_charges; "
        "DROP TABLE mechanism_states; DROP TABLE task_participations; "
        "DROP TABLE device_faults; DROP TABLE group_summaries; "
        "DROP TABLE ledger_log");
  }

  TemporaryFolder folder_;
  const std::string path_ = folder_.path() + "/store.db";
};

// --- the file ----------------------------------------------------------------

TEST_F(SqliteStoreTest, SecondOpenerIsRefusedUntilTheFirstCloses) {
  absl::StatusOr<std::unique_ptr<RoundStore>> first = OpenSqliteStore(path_);
  SHOAL_ASSERT_OK(first);

  EXPECT_THAT(OpenSqliteStore(path_),
              StatusIs(kFailedPrecondition,
                       AllOf(HasSubstr(path_),
                             HasSubstr(absl::StrCat("process ", getpid())))));
  first->reset();
  EXPECT_THAT(OpenSqliteStore(path_), IsOk());
}

TEST_F(SqliteStoreTest, DescribesItselfByItsPath) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto store, OpenSqliteStore(path_));
  EXPECT_EQ(store->Describe(), "sqlite:" + path_);
}

// Also not in the write-ahead log.
TEST_F(SqliteStoreTest, OpenFilesNameAForgottenDeviceNoMore) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto store, OpenSqliteStore(path_));
  DeviceRow row;
  row.id = DeviceId(1);
  row.name = "somebodys-telephone";
  row.enrolled = Now();
  SHOAL_ASSERT_OK(store->UpsertDevice(row));
  SHOAL_ASSERT_OK(store->ForgetDevice(row.id));
  for (const char* suffix : {"", "-wal"}) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const std::string bytes,
                               ReadFile(path_ + suffix));
    EXPECT_FALSE(absl::StrContains(bytes, row.id)) << suffix;
    EXPECT_FALSE(absl::StrContains(bytes, row.name)) << suffix;
  }
}

// Also not in the pages that are free again.
TEST_F(SqliteStoreTest, FileHoldsNothingThatNamesAForgottenDevice) {
  const auto holds = [this](absl::string_view text) {
    const absl::StatusOr<std::string> bytes = ReadFile(path_);
    EXPECT_THAT(bytes, IsOk());
    return absl::StrContains(*bytes, text);
  };
  {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto store, OpenSqliteStore(path_));
    for (int i = 1; i <= 400; ++i) {
      DeviceRow row;
      row.id = DeviceId(i);
      row.name = absl::StrCat("the pi number ", i, ".");
      SHOAL_ASSERT_OK(store->UpsertDevice(row));
    }
  }
  ASSERT_TRUE(holds(DeviceId(200)) && holds("the pi number 200."));
  {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto store, OpenSqliteStore(path_));
    SHOAL_ASSERT_OK(store->ForgetDevice(DeviceId(200)));
  }
  EXPECT_FALSE(holds(DeviceId(200)) || holds("the pi number 200."));
  EXPECT_TRUE(holds(DeviceId(201)));
}

TEST_F(SqliteStoreTest, NobodyElseMayReadTheFile) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto store, OpenSqliteStore(path_));
  SHOAL_ASSERT_OK(store->AddTokenKey({1, Secret("key"), Now()}));
  for (const char* suffix : {"", "-wal", "-shm", ".lock"}) {
    struct stat info;
    ASSERT_EQ(stat((path_ + suffix).c_str(), &info), 0) << suffix;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << suffix;
  }
}

TEST_F(SqliteStoreTest, MissingFolderIsNamed) {
  EXPECT_THAT(OpenSqliteStore(folder_.path() + "/no/store.db"),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("/no/store.db")));
  EXPECT_THAT(OpenSqliteStore(""),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(SqliteStoreTest, NewerSchemaIsRefusedWithBothVersions) {
  SHOAL_ASSERT_OK(OpenSqliteStore(path_));
  Execute("PRAGMA user_version = 1000");
  EXPECT_THAT(
      OpenSqliteStore(path_),
      StatusIs(kFailedPrecondition,
               AllOf(HasSubstr("version 1000"),
                     HasSubstr(absl::StrCat("knows ", SchemaVersion())))));
}

TEST_F(SqliteStoreTest, DatabaseOfTheFirstSchemaIsBroughtUpToDate) {
  SHOAL_ASSERT_OK(OpenSqliteStore(path_));
  DropPrivacy();
  Execute(
      "DROP TABLE invitation_uses; DROP TABLE forgotten_devices; "
      "DROP TABLE withdrawals; DROP INDEX rounds_by_number; "
      "ALTER TABLE rounds DROP COLUMN asynchronous; "
      "DROP INDEX contributions_counted_later; "
      "ALTER TABLE contributions DROP COLUMN counted_in; "
      "DROP TABLE group_rows; ALTER TABLE segments DROP COLUMN session; "
      "ALTER TABLE segments DROP COLUMN bytes_up; "
      "PRAGMA user_version = 1");
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto store, OpenSqliteStore(path_));
  InvitationRow row;
  row.token_hash = Sha256("token");
  row.uses_left = 1;
  row.expires = absl::InfiniteFuture();
  SHOAL_ASSERT_OK(store->CreateInvitation(row));
  SHOAL_EXPECT_OK(store->UseInvitation(Sha256("token"), DeviceId(1), Now()));
  SHOAL_EXPECT_OK(store->ForgetDevice(DeviceId(1)));
}

// In the middle of a round, whose sums have no groups.
TEST_F(SqliteStoreTest, DatabaseWithoutGroupsIsBroughtUpToDate) {
  {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto store, OpenSqliteStore(path_));
    SHOAL_ASSERT_OK(
        store->CreateTask(MakeTask("a", "m"), MakeModel("a", 0, "m"), "m"));
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const Lease lease, store->AcquireLease("a", "us", Now(), kLeaseTime));
    SHOAL_ASSERT_OK_AND_ASSIGN(
        const RoundRow round,
        store->OpenRound(lease, MakeRoundOf(*store->GetTask("a"))));
    SHOAL_ASSERT_OK(
        store->RecordAssignment(round.id, DeviceId(1), Now(), Now()));
    SHOAL_ASSERT_OK(store->CommitSegment({round.id, "us", "sum", 7},
                                         {MakeContribution(1)}));
  }
  DropPrivacy();
  Execute(
      "DROP TABLE group_rows; ALTER TABLE segments DROP COLUMN session; "
      "ALTER TABLE segments DROP COLUMN bytes_up; PRAGMA user_version = 4");

  SHOAL_ASSERT_OK_AND_ASSIGN(const auto store, OpenSqliteStore(path_));

  SHOAL_ASSERT_OK_AND_ASSIGN(const std::vector<SegmentRow> segments,
                             store->ReadSegments(1));
  ASSERT_EQ(segments.size(), 1u);
  EXPECT_EQ(segments.front().sum, "sum");
  EXPECT_TRUE(segments.front().session.empty());
  const Lease lease =
      Require(store->AcquireLease("a", "us", Now(), kLeaseTime));
  const NewGroupRows masked = {1, Sha256("group"), 0, {"masked"}, lease};
  SHOAL_ASSERT_OK(store->CommitSegment({1, "us", "masked", 90, masked},
                                       {MakeContribution(2)}));
  EXPECT_EQ(store->GetRound(1)->bytes_up, 97);
  SHOAL_ASSERT_OK(store->BurnGroup({1, Sha256("group"), 1, {"burnt"}, lease}));
  EXPECT_EQ(store->GetRound(1)->bytes_up, 7);
  EXPECT_EQ(store->ReadSegments(1)->size(), 1u);
}

TEST_F(SqliteStoreTest, DatabaseOfAnotherProgramIsRefusedAndUntouched) {
  Execute("CREATE TABLE theirs (x); PRAGMA user_version = 1");
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string before, ReadFile(path_));
  EXPECT_THAT(OpenSqliteStore(path_),
              StatusIs(kFailedPrecondition, HasSubstr("another program")));
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string after, ReadFile(path_));
  EXPECT_TRUE(before == after);
}

TEST_F(SqliteStoreTest, FileThatIsNoDatabaseIsDataLoss) {
  std::ofstream(path_) << std::string(8192, 'x');
  EXPECT_THAT(OpenSqliteStore(path_), StatusIs(kDataLoss, HasSubstr(path_)));
}

TEST_F(SqliteStoreTest, CorruptPagesAreDataLoss) {
  const std::string model = SomeBytes(1'000'000, 3);
  {
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto store, OpenSqliteStore(path_));
    SHOAL_ASSERT_OK(store->CreateTask(MakeTask("digits", model),
                                      MakeModel("digits", 0, model), model));
  }
  std::fstream file(path_, std::ios::in | std::ios::out | std::ios::binary);
  constexpr int kPage = 16384;
  file.seekp(kPage);  // every page but the first, which lists the tables
  file << std::string(std::filesystem::file_size(path_) - kPage, '\xff');
  file.close();

  absl::StatusOr<std::unique_ptr<RoundStore>> store = OpenSqliteStore(path_);
  const absl::Status status =
      store.ok() ? (*store)->GetTask("digits").status() : store.status();
  EXPECT_THAT(status, StatusIs(kDataLoss, HasSubstr(path_)));
}

TEST_F(SqliteStoreTest, ImpossibleValuesAreDataLoss) {
  SHOAL_ASSERT_OK_AND_ASSIGN(auto store, OpenSqliteStore(path_));
  SHOAL_ASSERT_OK(
      store->CreateTask(MakeTask("a", "m"), MakeModel("a", 0, "m"), "m"));
  Execute("UPDATE tasks SET state = 9");
  EXPECT_THAT(store->GetTask("a"),
              StatusIs(kDataLoss, AllOf(HasSubstr("'state'"), HasSubstr("9"))));
  Execute("UPDATE tasks SET state = 1, current_model = x'0102'");
  EXPECT_THAT(store->GetTask("a"),
              StatusIs(kDataLoss, HasSubstr("'current_model'")));
  Execute("DELETE FROM model_chunks");
  EXPECT_THAT(store->ReadModel(Sha256("m"), 0, 1), StatusIs(kDataLoss));
}

// --- crashes -----------------------------------------------------------------

// The files as a kill -9 would leave them now, opened by somebody else.
class CrashedCopy {
 public:
  explicit CrashedCopy(const std::string& path) {
    for (const char* suffix : {"", "-wal"}) {
      std::filesystem::copy_file(path + suffix,
                                 folder_.path() + "/store.db" + suffix);
    }
    absl::StatusOr<std::unique_ptr<RoundStore>> store =
        OpenSqliteStore(folder_.path() + "/store.db");
    EXPECT_THAT(store, IsOk());
    if (store.ok()) store_ = *std::move(store);
  }
  RoundStore& operator*() { return *store_; }
  RoundStore* operator->() { return store_.get(); }

 private:
  TemporaryFolder folder_;
  std::unique_ptr<RoundStore> store_;
};

TEST_F(SqliteStoreTest, EveryStepOfARoundOutlivesACrash) {
  StoreDriver driver(StoreKind::kSqlite);
  driver.CreateTask("digits");
  for (RoundState state :
       {RoundState::kOpen, RoundState::kCollecting, RoundState::kSealed,
        RoundState::kRevealed, RoundState::kCommitted, RoundState::kFailed}) {
    SCOPED_TRACE(ToString(state));
    const RoundRow round = driver.RoundIn(state, "digits");
    CrashedCopy copy(driver.path());
    EXPECT_EQ(Text(*copy->GetRound(round.id)), Text(round));
    EXPECT_EQ(Text(*copy->GetTask("digits")), Text(driver.Task("digits")));
    EXPECT_EQ(copy->ReadSegments(round.id)->size(),
              driver.store().ReadSegments(round.id)->size());
    EXPECT_EQ(copy->ListContributions(round.id)->size(),
              driver.store().ListContributions(round.id)->size());
    if (!IsFinal(round.state)) {
      SHOAL_ASSERT_OK(driver.store().FailRound(driver.TakeLease("digits"),
                                               round.id, "x", Now()));
    }
  }
}

TEST_F(SqliteStoreTest, AssignmentsAndOutcomesOutliveACrash) {
  StoreDriver driver(StoreKind::kSqlite);
  driver.CreateTask("digits");
  const int64_t id = driver.RoundIn(RoundState::kCollecting, "digits").id;
  SHOAL_ASSERT_OK(driver.store().RecordOutcome(id, DeviceId(1), "refused: x"));
  CrashedCopy copy(driver.path());
  EXPECT_EQ(copy->ListAssignments(id)->front().outcome, "refused: x");
}

TEST_F(SqliteStoreTest, RoundAndAssignmentsAreReadOfTheSameMoment) {
  StoreDriver driver(StoreKind::kSqlite);
  driver.CreateTask("digits");
  const int64_t id = driver.RoundIn(RoundState::kOpen, "digits").id;
  std::atomic<bool> done = false;
  std::thread writer([&] {
    for (int device = 1; device <= 4; ++device) {
      SHOAL_EXPECT_OK(
          driver.store().RecordAssignment(id, DeviceId(device), Now(), Now()));
    }
    done = true;
  });
  while (!done) {
    const RoundSnapshot snapshot = Require(driver.store().ReadRound(id));
    const int seen = static_cast<int>(snapshot.assignments.size());
    EXPECT_EQ(snapshot.round.assigned, seen);
    EXPECT_EQ(snapshot.round.state == RoundState::kOpen, seen == 0);
  }
  writer.join();
}

TEST_F(SqliteStoreTest, CrashDuringACommitLeavesTheStateBefore) {
  StoreDriver driver(StoreKind::kSqlite);
  driver.CreateTask("digits");
  const int64_t id = driver.RoundIn(RoundState::kCollecting, "digits").id;
  const std::string wal = driver.path() + "-wal";
  const auto before = std::filesystem::file_size(wal);
  driver.Commit(id, {1}, SomeBytes(100'000, 4));
  const auto after = std::filesystem::file_size(wal);
  ASSERT_GT(after, before);

  // The log as far as it had been written when the process died.
  for (auto size = before; size < after; size += 9000) {
    TemporaryFolder folder;
    const std::string path = folder.path() + "/store.db";
    std::filesystem::copy_file(driver.path(), path);
    std::filesystem::copy_file(wal, path + "-wal");
    std::filesystem::resize_file(path + "-wal", size);
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto store, OpenSqliteStore(path));
    EXPECT_EQ(store->GetRound(id)->accepted, 0) << size;
    EXPECT_EQ(store->ReadSegments(id)->size(), 0u) << size;
    EXPECT_EQ(store->ListContributions(id)->size(), 0u) << size;
  }
}

// The state of a round with a group, before and after what `write` does, is all
// that is left of it when the process dies meanwhile.
void ExpectAllOrNothing(
    const std::function<void(StoreDriver&, int64_t)>& prepare,
    const std::function<absl::Status(RoundStore&, int64_t)>& write) {
  StoreDriver driver(StoreKind::kSqlite);
  driver.CreateTask("digits");
  const int64_t id = driver.RoundIn(RoundState::kCollecting, "digits").id;
  prepare(driver, id);
  const auto state = [id](RoundStore& store) {
    std::string text = Text(*store.GetRound(id));
    for (const GroupRow& row : Require(store.ReadGroupRows(id)))
      text += row.row;
    for (const SegmentRow& row : Require(store.ReadSegments(id)))
      text += row.sum;
    for (const auto& row : Require(store.ListContributions(id)))
      text += Text(row);
    for (const auto& row : Require(store.ListAssignments(id)))
      text += Text(row);
    return text;
  };
  const std::string before = state(driver.store());
  const std::string wal = driver.path() + "-wal";
  const auto begin = std::filesystem::file_size(wal);
  SHOAL_ASSERT_OK(write(driver.store(), id));
  const auto end = std::filesystem::file_size(wal);
  const std::string after = state(driver.store());
  ASSERT_NE(before, after);
  ASSERT_GT(end, begin);

  constexpr int kCrashes = 12;  // the last with all but one byte in the log
  for (int i = 0; i <= kCrashes; ++i) {
    const auto size = begin + (end - begin - 1) * i / kCrashes;
    TemporaryFolder folder;
    const std::string path = folder.path() + "/store.db";
    std::filesystem::copy_file(driver.path(), path);
    std::filesystem::copy_file(wal, path + "-wal");
    std::filesystem::resize_file(path + "-wal", size);
    SHOAL_ASSERT_OK_AND_ASSIGN(const auto store, OpenSqliteStore(path));
    EXPECT_EQ(state(*store), before) << size;
  }
  CrashedCopy copy(driver.path());
  EXPECT_EQ(state(*copy), after);
}

absl::StatusOr<Lease> LeaseOf(RoundStore& store, int64_t id) {
  SHOAL_ASSIGN_OR_RETURN(const RoundRow round, store.GetRound(id));
  return store.AcquireLease(round.task, "us", Now(), kLeaseTime);
}

absl::Status CommitMasked(RoundStore& store, int64_t id) {
  SHOAL_ASSIGN_OR_RETURN(const Lease lease, LeaseOf(store, id));
  const std::string sum = SomeBytes(50'000, 6);
  const NewGroupRows rows = {
      id, Sha256("group"), 0, {SomeBytes(50'000, 7), "masked"}, lease};
  return store.CommitSegment({id, "us", sum, 7, rows}, {MakeContribution(1)})
      .status();
}

TEST_F(SqliteStoreTest, CrashDuringAMaskedCommitLeavesTheStateBefore) {
  ExpectAllOrNothing([](StoreDriver&, int64_t) {}, CommitMasked);
}

TEST_F(SqliteStoreTest, CrashWhileAGroupBurnsLeavesTheStateBefore) {
  ExpectAllOrNothing(
      [](StoreDriver& driver, int64_t id) {
        SHOAL_ASSERT_OK(CommitMasked(driver.store(), id));
      },
      [](RoundStore& store, int64_t id) -> absl::Status {
        SHOAL_ASSIGN_OR_RETURN(const Lease lease, LeaseOf(store, id));
        return store.BurnGroup({id, Sha256("group"), 2, {"burnt"}, lease});
      });
}

// --- disk full ---------------------------------------------------------------

TEST_F(SqliteStoreTest, FullDiskRefusesAndLeavesNothingHalfWritten) {
  SmallDisk disk;
  SHOAL_SKIP_UNLESS_MOUNTED(disk);
  SHOAL_ASSERT_OK_AND_ASSIGN(auto store,
                             OpenSqliteStore(disk.path() + "/store.db"));
  SHOAL_ASSERT_OK(
      store->CreateTask(MakeTask("a", "m"), MakeModel("a", 0, "m"), "m"));
  SHOAL_ASSERT_OK_AND_ASSIGN(const Lease lease,
                             store->AcquireLease("a", "us", Now(), kLeaseTime));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const RoundRow round,
      store->OpenRound(lease, MakeRoundOf(*store->GetTask("a"))));
  SHOAL_ASSERT_OK(store->RecordAssignment(round.id, DeviceId(1), Now(), Now()));
  SHOAL_ASSERT_OK(
      store->TouchDevice({DeviceId(1), "pi", "writers", Now(), "0.1.0", 600}));
  const std::string before = Text(*store->GetRound(round.id));
  const std::string filler = disk.path() + "/filler";
  std::ofstream(filler) << std::string(5 << 20, 'x');
  const std::string sum = SomeBytes(3'000'000, 5);
  const NewSegment segment = {round.id, "us", sum, 1};

  for (int attempt = 0; attempt < 3; ++attempt) {
    EXPECT_THAT(store->CommitSegment(segment, {MakeContribution(1)}),
                StatusIs(kResourceExhausted, HasSubstr(disk.path())));
  }
  EXPECT_EQ(Text(*store->GetRound(round.id)), before);
  EXPECT_THAT(*store->ReadSegments(round.id), IsEmpty());
  EXPECT_THAT(*store->ListContributions(round.id), IsEmpty());

  std::filesystem::remove(filler);
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const SegmentResult result,
      store->CommitSegment(segment, {MakeContribution(1)}));
  EXPECT_EQ(result.kind, SegmentResult::kCommitted);
  SHOAL_ASSERT_OK_AND_ASSIGN(const DeviceRow device,
                             store->GetDevice(DeviceId(1)));
  EXPECT_EQ(device.last_seen, Now());
  store.reset();
  SHOAL_ASSERT_OK_AND_ASSIGN(store, OpenSqliteStore(disk.path() + "/store.db"));
  EXPECT_TRUE(store->ReadSegments(round.id)->front().sum == sum);
}

TEST_F(SqliteStoreTest, StoreIsNotCreatedOnAFullDisk) {
  SmallDisk disk;
  SHOAL_SKIP_UNLESS_MOUNTED(disk);
  std::ofstream(disk.path() + "/filler") << std::string(9 << 20, 'x');
  EXPECT_THAT(OpenSqliteStore(disk.path() + "/store.db"),
              StatusIs(kResourceExhausted, HasSubstr(disk.path())));
  std::filesystem::remove(disk.path() + "/filler");
  EXPECT_THAT(OpenSqliteStore(disk.path() + "/store.db"), IsOk());
}

// --- threads -----------------------------------------------------------------

TEST_P(OpenStoreTest, SegmentsOfManyThreadsAllCount) {
  constexpr int kThreads = 4;
  constexpr int kPerThread = 25;
  driver_.CreateTask("digits");
  NewRound opened = MakeRoundOf(driver_.Task("digits"));
  opened.max_assigned = kThreads * kPerThread;
  RoundStore& store = driver_.store();
  const int64_t id = store.OpenRound(driver_.TakeLease("digits"), opened)->id;
  SHOAL_ASSERT_OK(store.RecordAssignment(id, DeviceId(0), Now(), Now()));
  const Digest model = driver_.Task("digits").current_model;

  std::atomic<int> committed = 0;
  std::atomic<int> duplicates = 0;
  std::atomic<int> wrong = 0;
  const auto work = [&](int thread) {
    for (int i = 0; i < kPerThread; ++i) {
      const int device = thread * kPerThread + i;
      const NewSegment segment = {id, "us", "sum", 7};
      // Its own device, and one that another thread tries as well.
      for (int d : {device, (device + kPerThread) % (kThreads * kPerThread)}) {
        const absl::StatusOr<SegmentResult> result =
            store.CommitSegment(segment, {MakeContribution(d)});
        if (!result.ok())
          ++wrong;
        else if (result->kind == SegmentResult::kCommitted)
          ++committed;
        else if (result->kind == SegmentResult::kDuplicates)
          ++duplicates;
        else
          ++wrong;
      }
      if (!store.TouchDevice({DeviceId(device), "pi", "writers", Now(), "", 1})
               .ok() ||
          !store.ReadModel(model, 0, 10).ok()) {
        ++wrong;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) threads.emplace_back(work, t);
  for (std::thread& thread : threads) thread.join();

  constexpr int kDevices = kThreads * kPerThread;
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(committed, kDevices);
  EXPECT_EQ(duplicates, kDevices);
  EXPECT_EQ(store.GetRound(id)->accepted, kDevices);
  EXPECT_EQ(store.GetRound(id)->bytes_up, 7 * kDevices);
  EXPECT_EQ(store.ReadSegments(id)->size(), static_cast<size_t>(kDevices));
  EXPECT_EQ(*store.CountDevices(Now()), kDevices);
}

}  // namespace
}  // namespace shoal::coordinator
