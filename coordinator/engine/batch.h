// Group commit: folds queued updates into a segment and commits it.
#ifndef SHOAL_COORDINATOR_ENGINE_BATCH_H_
#define SHOAL_COORDINATOR_ENGINE_BATCH_H_

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "aggregation/accumulator.h"
#include "coordinator/engine/engine_core.h"

namespace shoal::coordinator {

// The sum of a round as far as this process has committed it itself, so that
// the aggregation need not read segments back. Used by Advance() alone.
struct RoundSum {
  int64_t round_id = 0;
  std::optional<aggregation::Accumulator> sum;
};

// Commits one batch of `round`, a round of `task`, and lets its devices be
// told. What fails to be committed is queued again: call it once more later.
// Errors are those of the store. Called by Advance() alone.
absl::Status CommitBatch(EngineCore& core, RunningTask& task,
                         RunningRound& round, RoundSum& sum, absl::Time now);

// Counts what is committed, and lets its devices be told.
void Acknowledge(EngineCore& core, RunningTask& task, RunningRound& round,
                 const std::vector<std::shared_ptr<Upload>>& batch,
                 std::vector<ContributionRow> rows, int64_t segment_id,
                 absl::Time now);

// Takes the uploads of these devices out of a batch.
std::vector<std::shared_ptr<Upload>> TakeDuplicates(
    std::vector<std::shared_ptr<Upload>>& batch,
    const std::vector<std::string>& devices);

// Finds out from the store what has become of updates that were checked but
// not counted by us, and lets their devices be told: the receipt, or that the
// round is over.
void ResolveUploads(EngineCore& core, RunningTask& task, RunningRound& round,
                    const std::vector<std::shared_ptr<Upload>>& uploads,
                    absl::Time now);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_BATCH_H_
