// Finds a model version by what people write.
#ifndef SHOAL_COORDINATOR_SERVICE_MODEL_LOOKUP_H_
#define SHOAL_COORDINATOR_SERVICE_MODEL_LOOKUP_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/engine/round_store.h"

namespace shoal::coordinator {

// `text` is "TASK" (its newest version), "TASK@VERSION", or at least four
// digits of a digest. NOT_FOUND; INVALID_ARGUMENT when the digits match several
// models.
absl::StatusOr<ModelRow> FindModel(RoundStore& store, absl::string_view text);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_MODEL_LOOKUP_H_
