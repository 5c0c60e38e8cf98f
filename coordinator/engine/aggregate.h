// From a sealed round's segments to the next model version. A function of the
// rows alone: run again after a crash it gives the same bits.
#ifndef SHOAL_COORDINATOR_ENGINE_AGGREGATE_H_
#define SHOAL_COORDINATOR_ENGINE_AGGREGATE_H_

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "aggregation/accumulator.h"
#include "coordinator/engine/batch.h"
#include "coordinator/engine/round_privacy.h"
#include "coordinator/engine/round_store.h"
#include "coordinator/engine/task_setup.h"

namespace shoal::coordinator {

// The mean of a round's updates, and what else their sum says.
struct RoundMean {
  std::vector<double> values;  // [setup.num_update_values()]
  aggregation::SumTotals totals;
  double median_norm = 0;  // with secure aggregation the mean of the norms
};

// The frozen contributors, checked against what was sealed: DATA_LOSS.
absl::StatusOr<std::vector<ContributionRow>> ReadContributions(
    RoundStore& store, const RoundRow& round);

// The next version. Errors as AggregateRound.
absl::StatusOr<RoundOutput> MakeOutput(RoundStore& store,
                                       const TaskSetup& setup,
                                       const RoundRow& round, RoundMean mean,
                                       absl::Time now);

// `sum` saves reading the segments when it holds all of the round's updates.
// `privacy` adds the noise of a task that asks for it; null for others.
// OUT_OF_RANGE when the model would become non-finite; DATA_LOSS when rows
// contradict each other; errors of the store.
absl::StatusOr<RoundOutput> AggregateRound(RoundStore& store,
                                           const TaskSetup& setup,
                                           const RoundRow& round, RoundSum sum,
                                           RoundPrivacy* privacy,
                                           absl::Time now);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_AGGREGATE_H_
