// Layer normalisation (Ba et al. 2016).
#ifndef SHOAL_LEARNING_LAYERS_LAYER_NORM_H_
#define SHOAL_LEARNING_LAYERS_LAYER_NORM_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/layers/layer.h"
#include "learning/model_spec.h"
#include "learning/shape.h"

namespace shoal::learning {

// Every position of the input [..., channels] by itself: its channels get mean
// 0 and variance 1, then scale and shift. Tensors: "scale" (ones) and "shift"
// (zeros), [channels].
// INVALID_ARGUMENT when epsilon is out of range or the input is too large.
absl::StatusOr<std::unique_ptr<Layer>> MakeLayerNorm(const LayerNormSpec& spec,
                                                     const Shape& input);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_LAYER_NORM_H_
