// Windows by their definition, one pixel at a time, for comparison.
#ifndef SHOAL_TESTS_LEARNING_LAYERS_NAIVE_WINDOWS_H_
#define SHOAL_TESTS_LEARNING_LAYERS_NAIVE_WINDOWS_H_

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "learning/model_spec.h"
#include "learning/shape.h"

namespace shoal::learning {

// Along one axis.
struct NaiveAxis {
  NaiveAxis(int64_t size, int64_t kernel, int64_t stride, Padding padding)
      : size(size), kernel(kernel), stride(stride) {
    if (padding == Padding::kValid) {
      while (outputs * stride + kernel <= size) ++outputs;
      return;
    }
    while (outputs * stride < size) ++outputs;
    before = std::max<int64_t>((outputs - 1) * stride + kernel - size, 0) / 2;
  }
  // The input's index under place k of window o; outside of [0, size): zero.
  int64_t At(int64_t o, int64_t k) const { return o * stride + k - before; }
  bool Inside(int64_t i) const { return i >= 0 && i < size; }

  int64_t size, kernel, stride;
  int64_t outputs = 0, before = 0;
};

// A pixel of the input under a window, all as indices of pixels.
struct WindowPixel {
  int64_t output;
  int64_t place;  // in the window
  int64_t input;
};

// The pixels under all windows of `rows` images, window by window.
inline std::vector<WindowPixel> WindowPixels(int64_t rows, const NaiveAxis& y,
                                             const NaiveAxis& x) {
  std::vector<WindowPixel> pixels;
  for (int64_t n = 0; n < rows; ++n) {
    for (int64_t i = 0; i < y.outputs; ++i) {
      for (int64_t j = 0; j < x.outputs; ++j) {
        for (int64_t u = 0; u < y.kernel; ++u) {
          for (int64_t v = 0; v < x.kernel; ++v) {
            const int64_t iy = y.At(i, u), ix = x.At(j, v);
            if (!y.Inside(iy) || !x.Inside(ix)) continue;
            pixels.push_back({(n * y.outputs + i) * x.outputs + j,
                              u * x.kernel + v,
                              (n * y.size + iy) * x.size + ix});
          }
        }
      }
    }
  }
  return pixels;
}

// A convolution or pool to try.
struct WindowCase {
  int height, width, channels, kernel, stride;
  Padding padding;

  // Height 1: a sequence.
  Shape input() const {
    if (height == 1) return Shape({width, channels});
    return Shape({height, width, channels});
  }
  NaiveAxis y() const {
    return height == 1 ? NaiveAxis(1, 1, 1, padding)
                       : NaiveAxis(height, kernel, stride, padding);
  }
  NaiveAxis x() const { return NaiveAxis(width, kernel, stride, padding); }
  std::string ToString() const {
    return absl::StrCat(input().ToString(), ", kernel ", kernel, ", stride ",
                        stride,
                        padding == Padding::kSame ? ", same" : ", valid");
  }
};

// Kernels, strides, paddings and channels in all combinations that fit, on an
// image that is no square and on a sequence.
inline std::vector<WindowCase> WindowCases() {
  std::vector<WindowCase> cases;
  for (int height : {1, 7}) {
    for (int channels : {1, 3, 17}) {
      for (int kernel : {1, 2, 3, 5, 8}) {
        for (int stride : {1, 2, 3}) {
          for (Padding padding : {Padding::kSame, Padding::kValid}) {
            const WindowCase c = {height, 9, channels, kernel, stride, padding};
            const bool fits = height == 1 || kernel <= height;
            if (padding == Padding::kValid && !fits) continue;
            cases.push_back(c);
          }
        }
      }
    }
  }
  return cases;
}

}  // namespace shoal::learning

#endif  // SHOAL_TESTS_LEARNING_LAYERS_NAIVE_WINDOWS_H_
