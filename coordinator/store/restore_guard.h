// Finds out that a database was restored from a backup, by the log of its
// ledger beside it: rounds with privacy may have been released that the
// database does not know. What they were charged is charged again, and the
// noise of all tasks begins anew, because theirs must not be drawn twice.
#ifndef SHOAL_COORDINATOR_STORE_RESTORE_GUARD_H_
#define SHOAL_COORDINATOR_STORE_RESTORE_GUARD_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/digest.h"
#include "coordinator/engine/rows.h"
#include "coordinator/store/ledger_log.h"
#include "coordinator/store/sqlite_database.h"

namespace shoal::coordinator {

// One for the life of an open store; the log is kept from the first seal of a
// round with privacy on. Thread-compatible.
class RestoreGuard {
 public:
  // Compares database and log, and brings each up to date with the other.
  // FAILED_PRECONDITION when the log is another database's.
  static absl::StatusOr<std::unique_ptr<RestoreGuard>> Open(
      SqliteDatabase& db, const std::string& log_path);

  // What an operator must be told of what Open has done; "": nothing.
  const std::string& warning() const { return warning_; }

  // The last step of the transaction that seals a round with privacy: the log
  // has room for its charge, or its seal.
  absl::Status PrepareSeal(SqliteDatabase& db, const LedgerEntry& entry);
  // That transaction is in the database: the log owes it the entry. Nothing
  // else may be called before CatchUp() has succeeded.
  void Sealed() { is_behind_ = true; }
  // When it returns OK the log has all that it is to have.
  absl::Status CatchUp();
  // The last step of the transaction that releases the round: when this
  // returns the log has it. DATA_LOSS when it has the round with another model,
  // which may be released.
  absl::Status Release(SqliteDatabase& db, const LedgerRelease& release);
  // In the transaction that fails the round. If it may have been released its
  // task's noise begins anew.
  absl::Status GiveUp(SqliteDatabase& db, const RoundRow& round);

 private:
  explicit RestoreGuard(std::string log_path)
      : log_path_(std::move(log_path)) {}

  absl::Status OpenWithoutLog(SqliteDatabase& db);
  absl::Status OpenWithLog(SqliteDatabase& db, LedgerLog::Contents found);
  absl::Status FindPending(SqliteDatabase& db,
                           absl::Span<const LedgerLine> lines);
  // Whether these lines, behind what the database knows of the log, are no news
  // to it: what it has sealed, and rounds that a crash has kept from being
  // released. (Charges are compared by their names, wherever they are.)
  absl::StatusOr<bool> AreKnown(SqliteDatabase& db,
                                absl::Span<const LedgerLine> lines) const;
  bool IsPending(const std::string& task, int64_t round_id) const;
  // From here on there is a log, and the database knows it.
  absl::Status Begin(SqliteDatabase& db);

  const std::string log_path_;
  std::string warning_;
  std::unique_ptr<LedgerLog> log_;  // null: before the first seal
  bool is_behind_ = false;          // the log: it is prepared, not confirmed
  // By task (which has one unfinished round), the last one in the log that is
  // sealed in the database, or was when it was released.
  std::map<std::string, LedgerRelease> pending_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_RESTORE_GUARD_H_
