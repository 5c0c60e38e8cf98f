// The mean of every channel over all positions.
#ifndef SHOAL_LEARNING_LAYERS_GLOBAL_AVERAGE_POOL_H_
#define SHOAL_LEARNING_LAYERS_GLOBAL_AVERAGE_POOL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/layers/layer.h"
#include "learning/model_spec.h"
#include "learning/shape.h"

namespace shoal::learning {

// [height, width, channels] or [length, channels] to [channels]. No parameters.
// INVALID_ARGUMENT when the input is neither.
absl::StatusOr<std::unique_ptr<Layer>> MakeGlobalAveragePool(
    const GlobalAveragePoolSpec& spec, const Shape& input);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_GLOBAL_AVERAGE_POOL_H_
