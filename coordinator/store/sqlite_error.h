// What SQLite's result codes mean to a caller of the store.
#ifndef SHOAL_COORDINATOR_STORE_SQLITE_ERROR_H_
#define SHOAL_COORDINATOR_STORE_SQLITE_ERROR_H_

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace shoal::coordinator {

// The status for an extended result code: RESOURCE_EXHAUSTED (disk full),
// UNAVAILABLE (busy, or the disk fails: try again), DATA_LOSS (the file is
// corrupt or no database), PERMISSION_DENIED, INVALID_ARGUMENT (a value too
// large), INTERNAL (our mistake). `system_error` is the errno behind it.
absl::Status SqliteStatus(int code, int system_error, absl::string_view path,
                          absl::string_view message);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_SQLITE_ERROR_H_
