#include "learning/layers/windows.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/layers/spec_checks.h"

namespace shoal::learning {
namespace {

struct Axis {
  int64_t windows;
  int64_t before;  // zeros
};

Axis PlaceOnAxis(int64_t size, int64_t kernel, int64_t stride,
                 Padding padding) {
  if (padding == Padding::kValid) return {(size - kernel) / stride + 1, 0};
  const int64_t windows = (size + stride - 1) / stride;
  const int64_t zeros =
      std::max<int64_t>((windows - 1) * stride + kernel - size, 0);
  return {windows, zeros / 2};
}

}  // namespace

absl::StatusOr<WindowShape> PlaceWindows(const WindowSpec& spec,
                                         const Shape& input) {
  SHOAL_RETURN_IF_ERROR(CheckInput(InputKind::kSequenceOrImage, input));
  SHOAL_RETURN_IF_ERROR(CheckRange(spec.size_name, spec.size, 1, kMaxKernel));
  SHOAL_RETURN_IF_ERROR(CheckRange("stride", spec.stride, 1, kMaxStride));
  const bool image = input.rank() == 3;
  const int64_t height = image ? input.dims()[0] : 1;
  const int64_t width = input.dims()[input.rank() - 2];
  if (spec.padding == Padding::kValid &&
      (spec.size > width || (image && spec.size > height))) {
    return absl::InvalidArgumentError(
        absl::StrCat(spec.size_name, " ", spec.size, " does not fit a ",
                     image ? absl::StrCat(height, "x", width, " input")
                           : absl::StrCat("sequence of ", width),
                     " with padding valid"));
  }
  WindowShape window = {.height = height,
                        .width = width,
                        .channels = input.channels(),
                        .kernel_height = image ? spec.size : 1,
                        .kernel_width = spec.size,
                        .stride_height = image ? spec.stride : 1,
                        .stride_width = spec.stride};
  const Axis rows = PlaceOnAxis(height, window.kernel_height,
                                window.stride_height, spec.padding);
  const Axis columns = PlaceOnAxis(width, window.kernel_width,
                                   window.stride_width, spec.padding);
  window.out_height = rows.windows;
  window.pad_top = rows.before;
  window.out_width = columns.windows;
  window.pad_left = columns.before;
  return window;
}

Shape WindowOutput(const WindowShape& window, const Shape& input,
                   int64_t channels) {
  if (input.rank() == 2) return Shape({window.out_width, channels});
  return Shape({window.out_height, window.out_width, channels});
}

}  // namespace shoal::learning
