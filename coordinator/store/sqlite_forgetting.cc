#include "coordinator/store/sqlite_forgetting.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/engine/round_store.h"
#include "coordinator/store/store_rules.h"

namespace shoal::coordinator {
namespace {

// Keys begin with the round, the population, the task or the invitation: one
// lookup for each of these finds the device's rows without an index of their
// own, which every round would pay for.
constexpr absl::string_view kDeletions[] = {
    "DELETE FROM devices WHERE id = ?",
    "DELETE FROM participations WHERE device = ? "
    "AND population IN (SELECT name FROM populations)",
    "DELETE FROM task_participations WHERE device = ? "
    "AND task IN (SELECT name FROM tasks)",
    "DELETE FROM device_faults WHERE device = ?",
    "DELETE FROM invitation_uses WHERE device = ? "
    "AND token_hash IN (SELECT token_hash FROM invitations)",
    "DELETE FROM assignments WHERE device = ? "
    "AND round IN (SELECT id FROM rounds WHERE state >= 5)",
    "DELETE FROM contributions WHERE device = ? "
    "AND round IN (SELECT id FROM rounds WHERE state >= 5) "
    "AND (counted_in IS NULL OR counted_in IN "
    "(SELECT id FROM rounds WHERE state >= 5))",
};

}  // namespace

absl::StatusOr<bool> LoadForgotten(SqliteDatabase& db,
                                   absl::string_view device_id) {
  SqliteQuery query =
      db.Query("SELECT 1 FROM forgotten_devices WHERE fingerprint = ?",
               ForgottenFingerprint(device_id));
  bool forgotten = false;
  while (query.Next()) forgotten = true;
  SHOAL_RETURN_IF_ERROR(query.status());
  return forgotten;
}

absl::Status CheckNotForgotten(SqliteDatabase& db,
                               absl::string_view device_id) {
  SHOAL_ASSIGN_OR_RETURN(const bool forgotten, LoadForgotten(db, device_id));
  return forgotten ? DeviceForgotten() : absl::OkStatus();
}

absl::Status DeleteDevice(SqliteDatabase& db, absl::string_view device_id) {
  SHOAL_RETURN_IF_ERROR(
      db.Run("INSERT OR IGNORE INTO forgotten_devices (fingerprint) "
             "VALUES (?)",
             ForgottenFingerprint(device_id)));
  SHOAL_RETURN_IF_ERROR(
      db.Run("INSERT OR IGNORE INTO withdrawals (round, device) "
             "SELECT id, ?1 FROM rounds WHERE state < 5 AND ("
             "EXISTS (SELECT 1 FROM assignments "
             "WHERE round = rounds.id AND device = ?1) OR "
             "EXISTS (SELECT 1 FROM contributions "
             "WHERE round = rounds.id AND device = ?1) OR "
             "EXISTS (SELECT 1 FROM contributions "
             "WHERE counted_in = rounds.id AND device = ?1))",
             device_id));
  SHOAL_RETURN_IF_ERROR(
      db.Run("UPDATE assignments SET outcome = ? "
             "WHERE device = ? AND outcome = '' "
             "AND round IN (SELECT id FROM rounds WHERE state < 5)",
             kWithdrawn, device_id));
  for (const absl::string_view deletion : kDeletions) {
    SHOAL_RETURN_IF_ERROR(db.Run(deletion, device_id));
  }
  return absl::OkStatus();
}

absl::Status DeleteWithdrawn(SqliteDatabase& db, int64_t round_id) {
  for (const absl::string_view table : {"assignments", "contributions"}) {
    SHOAL_RETURN_IF_ERROR(db.Run(
        absl::StrCat("DELETE FROM ", table,
                     " WHERE round = ?1 AND device IN "
                     "(SELECT device FROM withdrawals WHERE round = ?1)"),
        round_id));
  }
  SHOAL_RETURN_IF_ERROR(
      db.Run("DELETE FROM contributions WHERE counted_in = ?1 AND device IN "
             "(SELECT device FROM withdrawals WHERE round = ?1)",
             round_id));
  return db.Run("DELETE FROM withdrawals WHERE round = ?", round_id);
}

}  // namespace shoal::coordinator
