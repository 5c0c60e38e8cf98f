// Group normalisation (Wu and He 2018).
#ifndef SHOAL_LEARNING_LAYERS_GROUP_NORM_H_
#define SHOAL_LEARNING_LAYERS_GROUP_NORM_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/layers/layer.h"
#include "learning/model_spec.h"
#include "learning/shape.h"

namespace shoal::learning {

// Every example of the input [..., channels] by itself: a group of neighbouring
// channels gets mean 0 and variance 1 over all positions, then every channel
// its scale and shift. Tensors: "scale" (ones) and "shift" (zeros), [channels].
// INVALID_ARGUMENT when the groups do not divide the channels, epsilon is out
// of range or the input is too large.
absl::StatusOr<std::unique_ptr<Layer>> MakeGroupNorm(const GroupNormSpec& spec,
                                                     const Shape& input);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_GROUP_NORM_H_
