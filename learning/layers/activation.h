// A function of every value.
#ifndef SHOAL_LEARNING_LAYERS_ACTIVATION_H_
#define SHOAL_LEARNING_LAYERS_ACTIVATION_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/layers/layer.h"
#include "learning/model_spec.h"
#include "learning/shape.h"

namespace shoal::learning {

// ReLU, GELU (exact: x Phi(x), Hendrycks and Gimpel 2016, §2), tanh or sigmoid
// of an input of any shape. No parameters. INVALID_ARGUMENT for kNone.
absl::StatusOr<std::unique_ptr<Layer>> MakeActivation(
    const ActivationSpec& spec, const Shape& input);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_ACTIVATION_H_
