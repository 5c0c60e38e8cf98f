// Errors of the store as callers are told them.
#ifndef SHOAL_COORDINATOR_SERVICE_STORE_ERRORS_H_
#define SHOAL_COORDINATOR_SERVICE_STORE_ERRORS_H_

#include "absl/status/status.h"

namespace shoal::coordinator {

// A kStoreUnavailable refusal when the store is busy, gone or full; every other
// status as it is.
absl::Status StoreError(const absl::Status& status);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_STORE_ERRORS_H_
