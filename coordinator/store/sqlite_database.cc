#include "coordinator/store/sqlite_database.h"

#include <sqlite3.h>

#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "coordinator/store/sqlite_error.h"

namespace shoal::coordinator {
namespace {

// How long a statement waits for another process: a backup, a shell.
constexpr int kBusyTimeoutMs = 5000;
// Pages in the write-ahead log at which they are copied into the database
// (64 MiB).
constexpr int kCheckpointPages = 4096;
// Large pages make sums and models, which are most of the bytes, twice as fast
// to write as SQLite's default of 4096; only a new file takes the size.
constexpr char kSettings[] =
    "PRAGMA page_size = 16384;"
    "PRAGMA temp_store = MEMORY;"
    "PRAGMA journal_size_limit = 67108864;";

const char* DataOf(absl::string_view bytes) {
  return bytes.data() != nullptr ? bytes.data() : "";
}

}  // namespace

// --- SqliteQuery -----------------------------------------------------------

SqliteQuery::SqliteQuery(SqliteQuery&& other) noexcept
    : database_(other.database_),
      statement_(std::exchange(other.statement_, nullptr)),
      status_(std::move(other.status_)) {}

SqliteQuery::~SqliteQuery() {
  if (statement_ == nullptr) return;
  sqlite3_reset(statement_);  // repeats the error of the last step, if any
  sqlite3_clear_bindings(statement_);
}

bool SqliteQuery::Next() {
  if (!status_.ok()) return false;
  const int code = sqlite3_step(statement_);
  if (code != SQLITE_ROW && code != SQLITE_DONE)
    status_ = database_->Error(code);
  return code == SQLITE_ROW;
}

absl::Status SqliteQuery::Run() && {
  while (Next()) {
  }
  return status_;
}

void SqliteQuery::Check(int code) {
  if (code != SQLITE_OK && status_.ok()) status_ = database_->Error(code);
}

void SqliteQuery::Bind(int index, int64_t value) {
  Check(sqlite3_bind_int64(statement_, index, value));
}

void SqliteQuery::Bind(int index, double value) {
  Check(sqlite3_bind_double(statement_, index, value));
}

void SqliteQuery::Bind(int index, absl::string_view text) {
  Check(sqlite3_bind_text64(statement_, index, DataOf(text), text.size(),
                            SQLITE_TRANSIENT, SQLITE_UTF8));
}

void SqliteQuery::Bind(int index, Blob blob) {
  Check(sqlite3_bind_blob64(statement_, index, DataOf(blob.bytes),
                            blob.bytes.size(), SQLITE_STATIC));
}

void SqliteQuery::Bind(int index, const Digest& digest) {
  if (digest.empty()) return BindNull(index);
  Check(sqlite3_bind_blob64(statement_, index, digest.AsBytes().data(),
                            Digest::kSize, SQLITE_TRANSIENT));
}

// InfiniteFuture becomes the largest integer.
void SqliteQuery::Bind(int index, absl::Time time) {
  if (time == absl::InfinitePast()) return BindNull(index);
  Bind(index, absl::ToUnixMicros(time));
}

void SqliteQuery::BindNull(int index) {
  Check(sqlite3_bind_null(statement_, index));
}

absl::string_view SqliteQuery::Bytes(int column) {
  // In this order: the first call may convert the value.
  const void* data = sqlite3_column_blob(statement_, column);
  const int size = sqlite3_column_bytes(statement_, column);
  return {static_cast<const char*>(data), static_cast<size_t>(size)};
}

bool SqliteQuery::IsNull(int column) {
  return sqlite3_column_type(statement_, column) == SQLITE_NULL;
}

void SqliteQuery::FailAsCorrupt(int column, absl::string_view expected) {
  status_ = absl::DataLossError(absl::StrCat(
      database_->path_, ": column '", sqlite3_column_name(statement_, column),
      "' holds '", Bytes(column).substr(0, 40), "', which is no ", expected));
}

void SqliteQuery::ReadOne(int column, int64_t& value) {
  value = sqlite3_column_int64(statement_, column);
}

void SqliteQuery::ReadOne(int column, int& value) {
  const int64_t wide = sqlite3_column_int64(statement_, column);
  value = static_cast<int>(wide);
  if (value != wide) FailAsCorrupt(column, "32-bit number");
}

void SqliteQuery::ReadOne(int column, bool& value) {
  int64_t wide = 0;
  ReadOne(column, wide);
  value = wide != 0;
}

void SqliteQuery::ReadOne(int column, double& value) {
  value = sqlite3_column_double(statement_, column);
}

void SqliteQuery::ReadOne(int column, std::string& value) {
  value = std::string(Bytes(column));
}

void SqliteQuery::ReadOne(int column, Digest& value) {
  value = Digest();
  if (IsNull(column)) return;
  absl::StatusOr<Digest> digest = Digest::FromBytes(Bytes(column));
  if (!digest.ok()) return FailAsCorrupt(column, "digest");
  value = *digest;
}

void SqliteQuery::ReadOne(int column, absl::Time& value) {
  const int64_t micros = sqlite3_column_int64(statement_, column);
  if (IsNull(column)) {
    value = absl::InfinitePast();
  } else if (micros == std::numeric_limits<int64_t>::max()) {
    value = absl::InfiniteFuture();
  } else {
    value = absl::FromUnixMicros(micros);
  }
}

void SqliteQuery::ReadOne(int column, TaskState& value) {
  const int64_t number = sqlite3_column_int64(statement_, column);
  value = static_cast<TaskState>(number);
  if (number < 1 || number > static_cast<int>(TaskState::kCompleted)) {
    FailAsCorrupt(column, "state of a task");
  }
}

void SqliteQuery::ReadOne(int column, RoundState& value) {
  const int64_t number = sqlite3_column_int64(statement_, column);
  value = static_cast<RoundState>(number);
  if (number < 1 || number > static_cast<int>(RoundState::kFailed)) {
    FailAsCorrupt(column, "state of a round");
  }
}

// --- SqliteDatabase --------------------------------------------------------

absl::StatusOr<std::unique_ptr<SqliteDatabase>> SqliteDatabase::Open(
    const std::string& path) {
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(
      path.c_str(), &handle,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE,
      nullptr);
  if (handle == nullptr) {
    return SqliteStatus(code, 0, path, sqlite3_errstr(code));
  }
  std::unique_ptr<SqliteDatabase> database(new SqliteDatabase(path, handle));
  if (code != SQLITE_OK) return database->Error(code);
  sqlite3_busy_timeout(handle, kBusyTimeoutMs);
  SHOAL_RETURN_IF_ERROR(database->Execute(kSettings));
  return database;
}

SqliteDatabase::~SqliteDatabase() {
  for (const auto& [sql, statement] : statements_) sqlite3_finalize(statement);
  // Nothing is left open, so this cannot be refused.
  SHOAL_CHECK(sqlite3_close(handle_) == SQLITE_OK);
}

absl::Status SqliteDatabase::Error(int code) const {
  const absl::string_view message = sqlite3_extended_errcode(handle_) == code
                                        ? sqlite3_errmsg(handle_)
                                        : sqlite3_errstr(code);
  const int primary = code & 0xff;
  const bool from_system = primary == SQLITE_IOERR || primary == SQLITE_FULL ||
                           primary == SQLITE_CANTOPEN;
  return SqliteStatus(code, from_system ? sqlite3_system_errno(handle_) : 0,
                      path_, message);
}

SqliteQuery SqliteDatabase::Prepare(absl::string_view sql) {
  sqlite3_stmt*& statement = statements_[sql];
  if (statement == nullptr) {
    const int code =
        sqlite3_prepare_v3(handle_, sql.data(), static_cast<int>(sql.size()),
                           SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
    if (code != SQLITE_OK) {
      SqliteQuery failed(this, nullptr);
      failed.status_ = Error(code);
      return failed;
    }
  }
  SHOAL_CHECK(!sqlite3_stmt_busy(statement));
  return SqliteQuery(this, statement);
}

absl::Status SqliteDatabase::Execute(const std::string& script) {
  const int code =
      sqlite3_exec(handle_, script.c_str(), nullptr, nullptr, nullptr);
  return code == SQLITE_OK ? absl::OkStatus() : Error(code);
}

int64_t SqliteDatabase::changes() const { return sqlite3_changes64(handle_); }

int64_t SqliteDatabase::last_insert_id() const {
  return sqlite3_last_insert_rowid(handle_);
}

// Transactions that do not wait for the disk leave the checkpoint, which does,
// to those that wait anyway.
absl::Status SqliteDatabase::SetDurability(Durability durability) {
  if (durability_ == durability) return absl::OkStatus();
  const bool at_once = durability == Durability::kAtOnce;
  SHOAL_RETURN_IF_ERROR(Execute(at_once ? "PRAGMA synchronous = FULL"
                                        : "PRAGMA synchronous = NORMAL"));
  sqlite3_wal_autocheckpoint(handle_, at_once ? kCheckpointPages : 0);
  durability_ = durability;
  return absl::OkStatus();
}

absl::Status SqliteDatabase::Transaction(
    Durability durability, absl::FunctionRef<absl::Status()> body) {
  RollBack();  // of a transaction whose rollback failed
  SHOAL_RETURN_IF_ERROR(SetDurability(durability));
  SHOAL_RETURN_IF_ERROR(Run("BEGIN IMMEDIATE"));
  absl::Status status = body();
  if (status.ok()) status = Run("COMMIT");
  if (!status.ok()) RollBack();
  return status;
}

// SQLite has rolled back already after some errors, such as a full disk. When
// this fails the transaction stays open, unseen by all others, until the next
// one starts.
void SqliteDatabase::RollBack() {
  if (sqlite3_get_autocommit(handle_) == 0) {
    Run("ROLLBACK").IgnoreError();
  }
}

}  // namespace shoal::coordinator
