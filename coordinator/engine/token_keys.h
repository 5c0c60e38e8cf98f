// The keys that sign assignment tokens: made, replaced and dropped in time.
#ifndef SHOAL_COORDINATOR_ENGINE_TOKEN_KEYS_H_
#define SHOAL_COORDINATOR_ENGINE_TOKEN_KEYS_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/engine/engine_core.h"

namespace shoal::coordinator {

// Makes the first key, or the next one when the newest has reached
// token_key_lifetime; drops keys whose successor has reached the lifetime too,
// or the longest deadline of a task where that is longer: by then no round can
// use them, and receipts have been asked for again long ago. Sets core.signer.
// Returns when to be called again. Errors of the store leave the signer as it
// was.
absl::StatusOr<absl::Time> RenewTokenKeys(EngineCore& core, absl::Time now);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_TOKEN_KEYS_H_
