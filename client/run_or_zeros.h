// Training under differential privacy: whether it works out must not be seen.
#ifndef SHOAL_CLIENT_RUN_OR_ZEROS_H_
#define SHOAL_CLIENT_RUN_OR_ZEROS_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "client/training_run.h"

namespace shoal::client {

// Does what `run` does, until that is ABORTED: its numbers grew beyond all
// bounds, as some examples make them. Then the training is done, `why` says so,
// and the update is `num_values` zeros. A device that left instead would tell
// of its examples what no noise hides. Other errors stay errors: examples that
// cannot be read, say. `why` must outlive the run.
std::unique_ptr<TrainingRun> RunOrZeros(std::unique_ptr<TrainingRun> run,
                                        int64_t num_values, absl::Status& why);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_RUN_OR_ZEROS_H_
