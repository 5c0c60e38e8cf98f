// The tables of the SQLite store and how older files get them. The page
// docs/reference/store.md describes every column.
#ifndef SHOAL_COORDINATOR_STORE_SQLITE_SCHEMA_H_
#define SHOAL_COORDINATOR_STORE_SQLITE_SCHEMA_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "coordinator/store/sqlite_database.h"

namespace shoal::coordinator {

// "SHOL", in the header of the file: PRAGMA application_id.
inline constexpr int64_t kApplicationId = 0x53484f4c;

// The schema this program writes: PRAGMA user_version.
int64_t SchemaVersion();

// Creates the tables in an empty database and migrates older ones, one
// transaction per version. FAILED_PRECONDITION when the schema is newer than
// SchemaVersion() or the file belongs to another program.
absl::Status PrepareSchema(SqliteDatabase& database, absl::string_view path);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_SQLITE_SCHEMA_H_
