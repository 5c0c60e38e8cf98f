// What forgetting a device does to the tables of the SQLite store. Functions
// are not transactions of their own.
#ifndef SHOAL_COORDINATOR_STORE_SQLITE_FORGETTING_H_
#define SHOAL_COORDINATOR_STORE_SQLITE_FORGETTING_H_

#include <cstdint>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/store/sqlite_database.h"

namespace shoal::coordinator {

absl::StatusOr<bool> LoadForgotten(SqliteDatabase& db,
                                   absl::string_view device_id);
// DeviceForgotten() when it is.
absl::Status CheckNotForgotten(SqliteDatabase& db, absl::string_view device_id);

// Everything that names the device, but for its rows in rounds that are not
// over: those are marked for DeleteWithdrawn.
absl::Status DeleteDevice(SqliteDatabase& db, absl::string_view device_id);

// The rows of forgotten devices in a round that ends now.
absl::Status DeleteWithdrawn(SqliteDatabase& db, int64_t round_id);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_SQLITE_FORGETTING_H_
