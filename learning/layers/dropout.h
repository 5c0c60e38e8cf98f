// Zeroes random values in training: Srivastava et al. 2014, "Dropout: A Simple
// Way to Prevent Neural Networks from Overfitting", in the form that scales
// while training ("inverted", §10), so that prediction is the identity.
#ifndef SHOAL_LEARNING_LAYERS_DROPOUT_H_
#define SHOAL_LEARNING_LAYERS_DROPOUT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/layers/layer.h"
#include "learning/model_spec.h"
#include "learning/shape.h"

namespace shoal::learning {

// On any shape. Value i of example k of a batch is dropped when a hash of
// (seed, k, i) falls below `rate`: nothing is stored between Forward and
// Backward, and the same seed drops the same values on every machine, whether
// the batch comes at once or in parts. No parameters. INVALID_ARGUMENT when
// rate is outside of [0, 1).
absl::StatusOr<std::unique_ptr<Layer>> MakeDropout(const DropoutSpec& spec,
                                                   const Shape& input);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_DROPOUT_H_
