// A model's specification as bytes, for files that outlive a program.
// docs/reference/formats.md has the bytes.
#ifndef SHOAL_LEARNING_MODEL_SPEC_BYTES_H_
#define SHOAL_LEARNING_MODEL_SPEC_BYTES_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "learning/model_spec.h"

namespace shoal::learning {

// REQUIRES: no number is negative, and the bounds of model_spec.h on layers
// and residual depth hold.
std::string EncodeModelSpec(const ModelSpec& spec);

// DATA_LOSS when the bytes are not what the function above makes: damaged,
// truncated, followed by others, or of another format version. Whether a model
// can be made of the specification is not looked at.
absl::StatusOr<ModelSpec> DecodeModelSpec(absl::string_view bytes);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_MODEL_SPEC_BYTES_H_
