// A thin layer over one SQLite connection: cached statements, typed values,
// transactions, and errors as absl::Status.
#ifndef SHOAL_COORDINATOR_STORE_SQLITE_DATABASE_H_
#define SHOAL_COORDINATOR_STORE_SQLITE_DATABASE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "coordinator/engine/rows.h"

struct sqlite3;
struct sqlite3_stmt;

namespace shoal::coordinator {

// Binds bytes as a BLOB (strings are bound as TEXT). Not copied: the bytes
// must outlive the query.
struct Blob {
  absl::string_view bytes;
};

// One execution of a statement, row by row:
//
//   SqliteQuery query = db.Query("SELECT id, name FROM t WHERE id > ?", 7);
//   while (query.Next()) query.Read(id, name);
//   SHOAL_RETURN_IF_ERROR(query.status());
//
// Values: integers, doubles and TEXT as they are; enums as their numbers;
// times as microseconds since 1970, NULL for InfinitePast; digests as 32 bytes,
// NULL for the empty one; absent optionals as NULL. Thread-compatible.
class SqliteQuery {
 public:
  ~SqliteQuery();  // ready for its next use
  SqliteQuery(SqliteQuery&& other) noexcept;
  SqliteQuery& operator=(SqliteQuery&&) = delete;

  // Steps to the next row; false at the end and after an error.
  bool Next();
  // Reads the columns of this row from the first on. A value that cannot be
  // one of the type's makes status() DATA_LOSS and ends the query.
  template <typename... T>
  void Read(T&... values) {
    int column = 0;
    (ReadOne(column++, values), ...);
  }
  // The bytes of a column, valid until Next().
  absl::string_view Bytes(int column);
  const absl::Status& status() const { return status_; }
  // Runs a statement that gives no rows, or none of interest.
  absl::Status Run() &&;

 private:
  friend class SqliteDatabase;
  SqliteQuery(class SqliteDatabase* database, sqlite3_stmt* statement)
      : database_(database), statement_(statement) {}

  void Bind(int index, int64_t value);
  void Bind(int index, int value) { Bind(index, int64_t{value}); }
  void Bind(int index, double value);
  void Bind(int index, absl::string_view text);
  void Bind(int index, const std::string& text) {
    Bind(index, absl::string_view(text));
  }
  void Bind(int index, Blob blob);
  void Bind(int index, const Digest& digest);
  void Bind(int index, absl::Time time);
  void BindNull(int index);
  template <typename T>
  void Bind(int index, const std::optional<T>& value) {
    value.has_value() ? Bind(index, *value) : BindNull(index);
  }
  template <typename T>
  requires std::is_enum_v<T>
  void Bind(int index, T value) { Bind(index, static_cast<int64_t>(value)); }

  bool IsNull(int column);
  void ReadOne(int column, int64_t& value);
  void ReadOne(int column, int& value);
  void ReadOne(int column, bool& value);
  void ReadOne(int column, double& value);
  void ReadOne(int column, std::string& value);
  void ReadOne(int column, Digest& value);
  void ReadOne(int column, absl::Time& value);
  void ReadOne(int column, TaskState& value);
  void ReadOne(int column, RoundState& value);
  template <typename T>
  void ReadOne(int column, std::optional<T>& value) {
    value.reset();
    if (!IsNull(column)) ReadOne(column, value.emplace());
  }
  void Check(int code);
  void FailAsCorrupt(int column, absl::string_view expected);

  class SqliteDatabase* database_;
  sqlite3_stmt* statement_;  // owned by the database's cache; null: moved from
  absl::Status status_;
};

// When a transaction has reached the disk (write-ahead log).
enum class Durability {
  kAtOnce,      // before it returns: synchronous=FULL
  kEventually,  // with the next one that waits: synchronous=NORMAL
};

// Thread-compatible.
class SqliteDatabase {
 public:
  // The file must exist (an empty one is an empty database).
  static absl::StatusOr<std::unique_ptr<SqliteDatabase>> Open(
      const std::string& path);
  ~SqliteDatabase();
  SqliteDatabase(const SqliteDatabase&) = delete;
  SqliteDatabase& operator=(const SqliteDatabase&) = delete;

  // A query with its parameters bound, from the first "?" on. Errors show in
  // its status(). A statement has one query at a time.
  template <typename... T>
  SqliteQuery Query(absl::string_view sql, const T&... parameters) {
    SqliteQuery query = Prepare(sql);
    int index = 1;
    if (query.status().ok()) (query.Bind(index++, parameters), ...);
    return query;
  }
  template <typename... T>
  absl::Status Run(absl::string_view sql, const T&... parameters) {
    return Query(sql, parameters...).Run();
  }
  // Runs a script of statements once.
  absl::Status Execute(const std::string& script);

  // Rows changed, and rowid given, by the last statement.
  int64_t changes() const;
  int64_t last_insert_id() const;

  // Runs `body` between BEGIN IMMEDIATE and COMMIT; rolls back when it or the
  // commit fails.
  absl::Status Transaction(Durability durability,
                           absl::FunctionRef<absl::Status()> body);

  // The status for a result code of SQLite, with the path.
  absl::Status Error(int code) const;

 private:
  friend class SqliteQuery;
  SqliteDatabase(std::string path, sqlite3* handle)
      : path_(std::move(path)), handle_(handle) {}

  SqliteQuery Prepare(absl::string_view sql);
  absl::Status SetDurability(Durability durability);
  void RollBack();

  const std::string path_;
  sqlite3* const handle_;
  std::optional<Durability> durability_;
  absl::flat_hash_map<std::string, sqlite3_stmt*> statements_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_SQLITE_DATABASE_H_
