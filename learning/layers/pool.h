// The largest value, or the mean, of every window and channel.
#ifndef SHOAL_LEARNING_LAYERS_POOL_H_
#define SHOAL_LEARNING_LAYERS_POOL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/layers/layer.h"
#include "learning/model_spec.h"
#include "learning/shape.h"

namespace shoal::learning {

inline constexpr int kMaxPoolSize = 15;  // a place in a window fits a byte

// On images [height, width, channels] or sequences [length, channels]; what a
// window has outside of the input (padding same) counts for nothing. Of equal
// values the first one in row-major order gets the gradient of a maximum.
// No parameters. INVALID_ARGUMENT when a size is out of range or no window
// fits.
absl::StatusOr<std::unique_ptr<Layer>> MakePool(const PoolSpec& spec,
                                                const Shape& input);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_POOL_H_
