#include "learning/onnx/form.h"

#include <algorithm>
#include <numeric>

namespace shoal::learning::onnx {

std::vector<int64_t> AxesOf(Form form, int rank) {
  std::vector<int64_t> axes(rank + 1);
  std::iota(axes.begin(), axes.end(), 0);
  if (form == Form::kChannelsFirst) {
    std::rotate(axes.begin() + 1, axes.end() - 1, axes.end());
  } else if (form == Form::kTimeFirst) {
    std::swap(axes[0], axes[1]);
  }
  return axes;
}

std::vector<int64_t> PadsOf(const WindowShape& window, int rank) {
  const auto behind = [](int64_t windows, int64_t stride, int64_t kernel,
                         int64_t size, int64_t before) {
    return std::max<int64_t>((windows - 1) * stride + kernel - size - before,
                             0);
  };
  const int64_t right =
      behind(window.out_width, window.stride_width, window.kernel_width,
             window.width, window.pad_left);
  if (rank == 2) return {window.pad_left, right};
  const int64_t bottom =
      behind(window.out_height, window.stride_height, window.kernel_height,
             window.height, window.pad_top);
  return {window.pad_top, window.pad_left, bottom, right};
}

}  // namespace shoal::learning::onnx
