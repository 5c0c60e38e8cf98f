// The SQLite store's class. sqlite_store.cc opens it and lends connections;
// sqlite_tasks.cc, sqlite_rounds.cc, sqlite_reports.cc and sqlite_devices.cc
// hold its methods by topic.
#ifndef SHOAL_COORDINATOR_STORE_SQLITE_TABLES_H_
#define SHOAL_COORDINATOR_STORE_SQLITE_TABLES_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "coordinator/engine/round_store.h"
#include "coordinator/store/file_lock.h"
#include "coordinator/store/restore_guard.h"
#include "coordinator/store/sqlite_database.h"

namespace shoal::coordinator {

// Thread-safe: one connection writes, behind a mutex; others read beside it,
// each seeing the last committed state.
class SqliteStore final : public RoundStore {
 public:
  static absl::StatusOr<std::unique_ptr<RoundStore>> Open(
      const std::string& path, std::string* warning);
  ~SqliteStore() override;

#include "coordinator/store/store_methods.inc.h"

 private:
  // By device id.
  using Sightings = absl::flat_hash_map<std::string, DeviceSighting>;

  SqliteStore(std::string path, std::unique_ptr<FileLock> lock,
              std::unique_ptr<SqliteDatabase> writer,
              std::unique_ptr<RestoreGuard> guard,
              std::vector<std::unique_ptr<SqliteDatabase>> readers);

  // Runs `body` in one transaction of the writing connection, after the
  // sightings that wait.
  absl::Status Write(Durability durability,
                     absl::FunctionRef<absl::Status(SqliteDatabase&)> body)
      SHOAL_EXCLUDES(write_mutex_, sightings_mutex_);
  // Writes the sightings that wait, if there are any.
  absl::Status FlushSightings() SHOAL_EXCLUDES(write_mutex_, sightings_mutex_);
  absl::Status WriteLocked(
      Durability durability,
      absl::FunctionRef<absl::Status(SqliteDatabase&)> body)
      SHOAL_REQUIRES(write_mutex_) SHOAL_EXCLUDES(sightings_mutex_);
  // What is sealed is not to be gone on with before the ledger's log knows it:
  // while it cannot be written, nothing else is written, and nothing read.
  absl::Status CatchUpLog() SHOAL_REQUIRES(write_mutex_);
  absl::Status AwaitLog() SHOAL_EXCLUDES(write_mutex_);

  // Runs `body` on a reading connection; waits while all are lent.
  template <typename Body>
  std::invoke_result_t<Body, SqliteDatabase&> Read(Body body)
      SHOAL_EXCLUDES(write_mutex_, readers_mutex_) {
    if (is_log_behind_) SHOAL_RETURN_IF_ERROR(AwaitLog());
    std::unique_ptr<SqliteDatabase> reader = BorrowReader();
    auto result = body(*reader);
    ReturnReader(std::move(reader));
    return result;
  }
  std::unique_ptr<SqliteDatabase> BorrowReader() SHOAL_EXCLUDES(readers_mutex_);
  void ReturnReader(std::unique_ptr<SqliteDatabase> reader)
      SHOAL_EXCLUDES(readers_mutex_);

  const std::string path_;
  const std::unique_ptr<FileLock> lock_;

  Mutex write_mutex_;
  const std::unique_ptr<SqliteDatabase> writer_ SHOAL_GUARDED_BY(write_mutex_);
  const std::unique_ptr<RestoreGuard> guard_ SHOAL_GUARDED_BY(write_mutex_);
  std::atomic<bool> is_log_behind_ = false;

  Mutex readers_mutex_;
  CondVar reader_returned_;
  std::vector<std::unique_ptr<SqliteDatabase>> idle_readers_
      SHOAL_GUARDED_BY(readers_mutex_);

  // Locked after write_mutex_, never the other way round.
  Mutex sightings_mutex_;
  Sightings sightings_ SHOAL_GUARDED_BY(sightings_mutex_);
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_SQLITE_TABLES_H_
