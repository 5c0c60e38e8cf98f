// Where the windows of convolutions and pools lie on an image. A sequence is an
// image of height 1.
#ifndef SHOAL_LEARNING_LAYERS_WINDOWS_H_
#define SHOAL_LEARNING_LAYERS_WINDOWS_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "learning/kernels/kernels.h"
#include "learning/model_spec.h"
#include "learning/shape.h"

namespace shoal::learning {

inline constexpr int kMaxKernel = 1024;
inline constexpr int kMaxStride = 1024;

struct WindowSpec {
  int size = 1;    // along each axis; 1 to kMaxKernel
  int stride = 1;  // 1 to kMaxStride
  Padding padding = Padding::kValid;
  absl::string_view size_name = "kernel";  // what messages call the size
};

// The windows of `input` ([length, channels] or [height, width, channels]),
// with `rows` left 0. Padding `same` gives ceil(size / stride) windows along an
// axis and needs max((windows - 1) * stride + kernel - size, 0) zeros: half of
// them before, the odd one behind. INVALID_ARGUMENT when a number is out of
// range, or no window fits.
absl::StatusOr<WindowShape> PlaceWindows(const WindowSpec& spec,
                                         const Shape& input);

// One value per window and channel, in as many dimensions as `input` has.
Shape WindowOutput(const WindowShape& window, const Shape& input,
                   int64_t channels);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_WINDOWS_H_
