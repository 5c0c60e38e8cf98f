// What a device says to its group of secure aggregation, on its way to the
// group: checked, and left for Advance().
#ifndef SHOAL_COORDINATOR_ENGINE_GROUP_DESK_H_
#define SHOAL_COORDINATOR_ENGINE_GROUP_DESK_H_

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/engine/engine_core.h"
#include "protocol/messages.h"

namespace shoal::coordinator {

// As in RoundEngine. Thread-safe.
absl::Status Aggregate(EngineCore& core, const DeviceIdentity& device,
                       const protocol::AggregateRequest& request,
                       absl::Time now, AggregateDone done);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_GROUP_DESK_H_
