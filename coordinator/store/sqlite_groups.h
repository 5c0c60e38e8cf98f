// Groups of secure aggregation in the SQLite store, and the faults of devices
// that come out in them. Functions are not transactions of their own.
#ifndef SHOAL_COORDINATOR_STORE_SQLITE_GROUPS_H_
#define SHOAL_COORDINATOR_STORE_SQLITE_GROUPS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "coordinator/engine/rows.h"
#include "coordinator/store/sqlite_database.h"

namespace shoal::coordinator {

// As RoundStore::RecordFault.
absl::Status InsertFault(SqliteDatabase& db, const FaultRow& fault);

// With the group's summary, without the faults; errors as CheckGroupRows.
absl::Status InsertGroupRows(SqliteDatabase& db, const RoundRow& round,
                             const NewGroupRows& rows);
absl::Status InsertGroupFaults(SqliteDatabase& db, const NewGroupRows& rows);

// In the order in which the groups were made.
absl::StatusOr<std::vector<GroupSummary>> LoadGroupSummaries(SqliteDatabase& db,
                                                             int64_t round_id);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_SQLITE_GROUPS_H_
