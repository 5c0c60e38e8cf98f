// Rows from and to the tables of the SQLite store: what several of its methods
// do inside their transactions. Functions are not transactions of their own.
#ifndef SHOAL_COORDINATOR_STORE_SQLITE_ROWS_H_
#define SHOAL_COORDINATOR_STORE_SQLITE_ROWS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/engine/rows.h"
#include "coordinator/store/sqlite_database.h"
#include "coordinator/store/store_rules.h"

namespace shoal::coordinator {

// All tasks ordered by name; NOT_FOUND for one that is not there.
absl::StatusOr<std::vector<TaskRow>> LoadTasks(SqliteDatabase& db);
absl::StatusOr<TaskRow> LoadTask(SqliteDatabase& db, absl::string_view name);
absl::Status InsertTask(SqliteDatabase& db, const TaskRow& task);
// Writes what can change, if the task's state still is `from`.
absl::Status UpdateTask(SqliteDatabase& db, const TaskRow& task,
                        TaskState from);
absl::StatusOr<std::optional<HeldLease>> LoadLease(SqliteDatabase& db,
                                                   absl::string_view task);

absl::StatusOr<RoundRow> LoadRound(SqliteDatabase& db, int64_t id);
absl::StatusOr<std::optional<RoundRow>> LoadUnfinishedRound(
    SqliteDatabase& db, absl::string_view task);
// Newest first, ids below `before_id` (0: all).
absl::StatusOr<std::vector<RoundRow>> LoadRounds(SqliteDatabase& db,
                                                 absl::string_view task,
                                                 int limit, int64_t before_id);
// Fills in the id.
absl::Status InsertRound(SqliteDatabase& db, RoundRow& round);
// Writes what can change, if the round's state still is `from`.
absl::Status UpdateRound(SqliteDatabase& db, const RoundRow& round,
                         RoundState from);
absl::Status DeleteSegments(SqliteDatabase& db, int64_t round_id);
absl::Status DeleteGroupRows(SqliteDatabase& db, int64_t round_id);

// Ordered by device id.
absl::StatusOr<std::vector<ContributionRow>> LoadContributions(
    SqliteDatabase& db, int64_t round_id);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_SQLITE_ROWS_H_
