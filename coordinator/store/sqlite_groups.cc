#include "coordinator/store/sqlite_groups.h"

#include <string>

#include "base/status_macros.h"
#include "coordinator/engine/round_store.h"
#include "coordinator/store/sqlite_forgetting.h"
#include "coordinator/store/sqlite_rows.h"
#include "coordinator/store/store_rules.h"

namespace shoal::coordinator {
namespace {

absl::Status StoreSummary(SqliteDatabase& db, const NewGroupRows& rows) {
  const GroupSummary& summary = rows.summary;
  return db.Run(
      "INSERT INTO group_summaries (round, session, members, lost_sharing, "
      "lost_masking, lost_consistency, lost_unmasking, burnt) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (round, session) "
      "DO UPDATE SET members = excluded.members, "
      "lost_sharing = excluded.lost_sharing, "
      "lost_masking = excluded.lost_masking, "
      "lost_consistency = excluded.lost_consistency, "
      "lost_unmasking = excluded.lost_unmasking, burnt = excluded.burnt",
      rows.round_id, rows.session, summary.members, summary.lost[0],
      summary.lost[1], summary.lost[2], summary.lost[3], summary.burnt);
}

}  // namespace

absl::Status InsertFault(SqliteDatabase& db, const FaultRow& fault) {
  SHOAL_ASSIGN_OR_RETURN(const bool forgotten,
                         LoadForgotten(db, fault.device_id));
  if (forgotten) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(
      db.Run("INSERT INTO device_faults (device, round, at, what) "
             "VALUES (?, ?, ?, ?) ON CONFLICT (device, round) DO NOTHING",
             fault.device_id, fault.round_id, fault.at, fault.what));
  return db.Run(
      "UPDATE assignments SET outcome = ? "
      "WHERE round = ? AND device = ? AND outcome = ''",
      kBarred, fault.round_id, fault.device_id);
}

absl::Status InsertGroupFaults(SqliteDatabase& db, const NewGroupRows& rows) {
  for (const FaultRow& fault : rows.faults) {
    SHOAL_RETURN_IF_ERROR(InsertFault(db, fault));
  }
  return absl::OkStatus();
}

absl::Status InsertGroupRows(SqliteDatabase& db, const RoundRow& round,
                             const NewGroupRows& rows) {
  int64_t known = 0;
  {
    SqliteQuery query = db.Query(
        "SELECT count(*) FROM group_rows WHERE round = ? AND session = ?",
        round.id, rows.session);
    while (query.Next()) query.Read(known);
    SHOAL_RETURN_IF_ERROR(query.status());
  }
  SHOAL_ASSIGN_OR_RETURN(const std::optional<HeldLease> held,
                         LoadLease(db, round.task));
  SHOAL_RETURN_IF_ERROR(CheckGroupRows(round, held, rows, known));
  if (rows.rows.empty()) return absl::OkStatus();
  for (const std::string& row : rows.rows) {
    SHOAL_RETURN_IF_ERROR(
        db.Run("INSERT INTO group_rows (round, session, place, row) "
               "VALUES (?, ?, ?, ?)",
               round.id, rows.session, known++, Blob{row}));
  }
  return StoreSummary(db, rows);
}

absl::StatusOr<std::vector<GroupSummary>> LoadGroupSummaries(SqliteDatabase& db,
                                                             int64_t round_id) {
  std::vector<GroupSummary> summaries;
  SqliteQuery query = db.Query(
      "SELECT session, members, lost_sharing, lost_masking, "
      "lost_consistency, lost_unmasking, burnt FROM group_summaries "
      "WHERE round = ? ORDER BY id",
      round_id);
  while (query.Next()) {
    GroupSummary& row = summaries.emplace_back();
    query.Read(row.session, row.members, row.lost[0], row.lost[1], row.lost[2],
               row.lost[3], row.burnt);
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  return summaries;
}

}  // namespace shoal::coordinator
