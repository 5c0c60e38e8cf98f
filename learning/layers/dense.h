// y = x W + b on the last dimension, with ReLU built in.
#ifndef SHOAL_LEARNING_LAYERS_DENSE_H_
#define SHOAL_LEARNING_LAYERS_DENSE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/layers/layer.h"
#include "learning/model_spec.h"
#include "learning/shape.h"

namespace shoal::learning {

// Input of any rank [..., inputs]; output [..., units]: every position of a
// sequence or image is treated alike. Tensors: "weight" [inputs, units]
// (Glorot-uniform) and, with `bias`, "bias" [units] (zero).
// INVALID_ARGUMENT when units is out of range, the layer would be too large,
// or the activation is neither none nor ReLU.
absl::StatusOr<std::unique_ptr<Layer>> MakeDense(const DenseSpec& spec,
                                                 const Shape& input);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_DENSE_H_
