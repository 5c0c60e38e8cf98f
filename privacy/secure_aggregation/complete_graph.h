// The graph in which everybody is everybody's neighbour: what groups fall back
// on where no sparse one is safe.
#ifndef SHOAL_PRIVACY_SECURE_AGGREGATION_COMPLETE_GRAPH_H_
#define SHOAL_PRIVACY_SECURE_AGGREGATION_COMPLETE_GRAPH_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "privacy/secure_aggregation/parameters.h"

namespace shoal::secure_aggregation {

// The part of `num_devices` that a fraction is, rounded down.
int FloorOfFraction(double fraction, int num_devices);

// INVALID_ARGUMENT when fewer devices stay than bring a secret back.
// REQUIRES: assumptions within their ranges.
absl::StatusOr<GraphParameters> CompleteGraph(
    const GroupAssumptions& assumptions);

// FindGraphParameters, for every size from `min_devices` to `max_devices`: a
// size may be bearable where a larger one is not, and the other way round,
// because fractions of it are rounded down. Returns the error of the smallest
// size that has one. Takes O(1) for a size whose complete graph will do.
absl::Status CheckGroupSizes(GroupAssumptions assumptions, int min_devices,
                             int max_devices);

}  // namespace shoal::secure_aggregation

#endif  // SHOAL_PRIVACY_SECURE_AGGREGATION_COMPLETE_GRAPH_H_
