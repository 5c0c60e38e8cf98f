// Admission: which check-in gets which assignment, and who has to wait.
#ifndef SHOAL_COORDINATOR_ENGINE_CHECK_IN_H_
#define SHOAL_COORDINATOR_ENGINE_CHECK_IN_H_

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "coordinator/engine/engine_core.h"
#include "protocol/messages.h"

namespace shoal::coordinator {

// RoundEngine::CheckIn. Thread-safe.
//
// Of the population's tasks the one whose round has the largest share of free
// places is asked first. A device that holds an assignment gets it again, with
// a fresh token.
//
// Minimum separation: after contributing to the population's committed round c
// (its c-th, over all tasks), a device is admitted again only when the next
// round to be committed is at least c + min_separation. So 0 and 1 allow every
// round, and 2 lets it sit out one. While it takes part in an unfinished round
// of another task of the population, that round counts as the next one.
absl::StatusOr<protocol::CheckInAnswer> AnswerCheckIn(
    EngineCore& core, const DeviceIdentity& device,
    const protocol::CheckIn& message, absl::Time now);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_CHECK_IN_H_
