// Refusals that say where a round stands.
#ifndef SHOAL_COORDINATOR_ENGINE_ROUND_REFUSALS_H_
#define SHOAL_COORDINATOR_ENGINE_ROUND_REFUSALS_H_

#include <cstdint>

#include "absl/status/status.h"

namespace shoal::coordinator {

// kRoundOver.
absl::Status RoundOver(int64_t round_id);

// kTooStale: the model of that round is so many versions behind.
absl::Status TooStale(int64_t round_id, int64_t behind, int max_staleness);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_ROUND_REFUSALS_H_
