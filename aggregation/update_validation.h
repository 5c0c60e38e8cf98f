// The gate in front of the sum: decodes an update and checks everything that a
// device could get wrong or lie about.
#ifndef SHOAL_AGGREGATION_UPDATE_VALIDATION_H_
#define SHOAL_AGGREGATION_UPDATE_VALIDATION_H_

#include <cstdint>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "learning/local_update.h"
#include "learning/update_codec.h"

namespace shoal::aggregation {

struct UpdateBounds {
  // Values of updates of the model, then of its sub-models: each of its own. At
  // least one.
  std::vector<int64_t> num_parameters;
  double norm_bound = 0;
  int64_t max_examples = 0;
  bool uniform_weights = false;  // 1 each, instead of the number of examples
  // More than 1 for sequences that have a label at every position.
  int64_t predictions_per_example = 1;
  // With FedNova, how devices train; null: updates are not divided by anything.
  const learning::TrainingOptions* divided_steps = nullptr;
  // Whoever sums the update clips it: its values may be anything.
  bool clipped_later = false;
};

struct ValidUpdate {
  learning::DecodedUpdate decoded;  // may point into the validated bytes
  int shape = 0;                    // which of num_parameters it has
  // L2 of what training has changed; not finite where a value is not, and those
  // are clipped later.
  double norm = 0;
  int64_t weight = 0;  // aggregation weight
};

// Refusals (protocol/refusal.h): kUpdateMalformed (also for steps
// or a divisor that cannot be), kUpdateShape,
// kUpdateNotFinite (with the index), kNormBound and kWeightBound (with value
// and bound).
absl::StatusOr<ValidUpdate> ValidateUpdate(absl::string_view bytes,
                                           const UpdateBounds& bounds);

}  // namespace shoal::aggregation

#endif  // SHOAL_AGGREGATION_UPDATE_VALIDATION_H_
