#include "coordinator/store/sqlite_store.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <system_error>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "coordinator/store/sqlite_forgetting.h"
#include "coordinator/store/sqlite_schema.h"
#include "coordinator/store/sqlite_tables.h"

namespace shoal::coordinator {
namespace {

// Reads that run at the same time.
constexpr int kReaders = 4;
// A transaction of up to 32 MiB stays in memory until it commits; what is
// deleted is overwritten, so that no copy of the file names who is forgotten.
constexpr char kWriterSettings[] =
    "PRAGMA cache_size = -32768; PRAGMA secure_delete = ON";

// An absolute path: SQLite gives some relative ones a meaning of its own.
absl::StatusOr<std::string> AbsolutePath(const std::string& path) {
  if (path.empty()) {
    return absl::InvalidArgumentError("the path of a SQLite store is empty");
  }
  std::error_code error;
  const std::filesystem::path absolute = std::filesystem::absolute(path, error);
  if (error) return ErrnoStatus(error.value(), path, "absolute path");
  return absolute.string();
}

// The file holds keys: nobody but its owner reads it. SQLite gives the files
// that it puts beside it the same mode.
absl::Status CreateFile(const std::string& path) {
  const int fd = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (fd < 0) return ErrnoStatus(errno, path, "open");
  close(fd);
  return absl::OkStatus();
}

absl::Status UseWriteAheadLog(SqliteDatabase& database,
                              const std::string& path) {
  std::string mode;
  SqliteQuery query = database.Query("PRAGMA journal_mode = WAL");
  while (query.Next()) query.Read(mode);
  SHOAL_RETURN_IF_ERROR(query.status());
  if (mode == "wal") return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      path, ": SQLite cannot keep a write-ahead log here (journal mode ", mode,
      "); use a local file system"));
}

absl::Status UpsertSighting(SqliteDatabase& db, const DeviceSighting& row) {
  SHOAL_ASSIGN_OR_RETURN(const bool forgotten, LoadForgotten(db, row.id));
  if (forgotten) return absl::OkStatus();
  return db.Run(
      "INSERT INTO devices (id, name, population, last_seen, sdk_version, "
      "num_examples) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
      "name = excluded.name, population = excluded.population, "
      "last_seen = excluded.last_seen, sdk_version = excluded.sdk_version, "
      "num_examples = excluded.num_examples",
      row.id, row.name, row.population, row.seen, row.sdk_version,
      row.num_examples);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RoundStore>> OpenSqliteStore(
    const std::string& path, std::string* warning) {
  return SqliteStore::Open(path, warning);
}

absl::StatusOr<std::unique_ptr<RoundStore>> SqliteStore::Open(
    const std::string& path, std::string* warning) {
  SHOAL_ASSIGN_OR_RETURN(const std::string absolute, AbsolutePath(path));
  SHOAL_ASSIGN_OR_RETURN(std::unique_ptr<FileLock> lock,
                         FileLock::Acquire(absolute));
  SHOAL_RETURN_IF_ERROR(CreateFile(absolute));
  SHOAL_ASSIGN_OR_RETURN(std::unique_ptr<SqliteDatabase> writer,
                         SqliteDatabase::Open(absolute));
  SHOAL_RETURN_IF_ERROR(PrepareSchema(*writer, absolute));
  SHOAL_RETURN_IF_ERROR(UseWriteAheadLog(*writer, absolute));
  SHOAL_RETURN_IF_ERROR(writer->Execute(kWriterSettings));
  SHOAL_ASSIGN_OR_RETURN(
      std::unique_ptr<RestoreGuard> guard,
      RestoreGuard::Open(*writer, absl::StrCat(absolute, ".ledger")));
  if (warning != nullptr) *warning = guard->warning();
  std::vector<std::unique_ptr<SqliteDatabase>> readers;
  for (int i = 0; i < kReaders; ++i) {
    SHOAL_ASSIGN_OR_RETURN(readers.emplace_back(),
                           SqliteDatabase::Open(absolute));
    SHOAL_RETURN_IF_ERROR(readers.back()->Execute("PRAGMA query_only = ON"));
  }
  return std::unique_ptr<RoundStore>(
      new SqliteStore(absolute, std::move(lock), std::move(writer),
                      std::move(guard), std::move(readers)));
}

SqliteStore::SqliteStore(std::string path, std::unique_ptr<FileLock> lock,
                         std::unique_ptr<SqliteDatabase> writer,
                         std::unique_ptr<RestoreGuard> guard,
                         std::vector<std::unique_ptr<SqliteDatabase>> readers)
    : path_(std::move(path)),
      lock_(std::move(lock)),
      writer_(std::move(writer)),
      guard_(std::move(guard)),
      idle_readers_(std::move(readers)) {}

// Sightings may be lost: when they were last seen matters to nobody's rights.
SqliteStore::~SqliteStore() { FlushSightings().IgnoreError(); }

std::string SqliteStore::Describe() const {
  return absl::StrCat("sqlite:", path_);
}

absl::Status SqliteStore::Write(
    Durability durability,
    absl::FunctionRef<absl::Status(SqliteDatabase&)> body) {
  MutexLock lock(write_mutex_);
  return WriteLocked(durability, body);
}

absl::Status SqliteStore::FlushSightings() {
  MutexLock lock(write_mutex_);
  {
    MutexLock sightings_lock(sightings_mutex_);
    if (sightings_.empty()) return absl::OkStatus();
  }
  return WriteLocked(Durability::kEventually,
                     [](SqliteDatabase& db) { return absl::OkStatus(); });
}

absl::Status SqliteStore::WriteLocked(
    Durability durability,
    absl::FunctionRef<absl::Status(SqliteDatabase&)> body) {
  SHOAL_RETURN_IF_ERROR(CatchUpLog());
  Sightings waiting;
  {
    MutexLock lock(sightings_mutex_);
    waiting.swap(sightings_);
  }
  SqliteDatabase& db = *writer_;
  absl::Status status = db.Transaction(durability, [&]() -> absl::Status {
    for (const auto& [id, sighting] : waiting) {
      SHOAL_RETURN_IF_ERROR(UpsertSighting(db, sighting));
    }
    return body(db);
  });
  if (!status.ok()) {
    // Back, unless the device has been seen again.
    MutexLock lock(sightings_mutex_);
    sightings_.merge(waiting);
  }
  return status;
}

absl::Status SqliteStore::CatchUpLog() {
  absl::Status status = guard_->CatchUp();
  is_log_behind_ = !status.ok();
  return status;
}

absl::Status SqliteStore::AwaitLog() {
  MutexLock lock(write_mutex_);
  return CatchUpLog();
}

std::unique_ptr<SqliteDatabase> SqliteStore::BorrowReader() {
  MutexLock lock(readers_mutex_);
  while (idle_readers_.empty()) reader_returned_.Wait(readers_mutex_);
  std::unique_ptr<SqliteDatabase> reader = std::move(idle_readers_.back());
  idle_readers_.pop_back();
  return reader;
}

void SqliteStore::ReturnReader(std::unique_ptr<SqliteDatabase> reader) {
  MutexLock lock(readers_mutex_);
  idle_readers_.push_back(std::move(reader));
  reader_returned_.NotifyOne();
}

}  // namespace shoal::coordinator
