// Convolutions as products that read their input in place, beside direct loops.
#include <algorithm>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "learning/kernels/kernels.h"
#include "tests/learning/kernels/kernels_test_support.h"

namespace shoal::learning {
namespace {

struct Convolution {
  int64_t rows, height, width, channels, kernel_height, kernel_width, stride,
      pad, outputs;

  int64_t padded_height() const { return height + 2 * pad; }
  int64_t padded_width() const { return width + 2 * pad; }
  int64_t out_height() const {
    return (padded_height() - kernel_height) / stride + 1;
  }
  int64_t out_width() const {
    return (padded_width() - kernel_width) / stride + 1;
  }
  int64_t kernel_row() const { return kernel_width * channels; }
  int64_t padded_row() const { return padded_width() * channels; }
};

constexpr Convolution kConvolutions[] = {
    {2, 8, 8, 3, 3, 3, 1, 1, 5},   {3, 14, 14, 4, 5, 5, 1, 2, 16},
    {2, 9, 7, 2, 3, 2, 2, 1, 33},  {1, 28, 28, 1, 5, 5, 1, 0, 8},
    {2, 1, 50, 6, 1, 9, 3, 0, 10}, {2, 5, 5, 17, 1, 1, 1, 0, 6},
    {1, 6, 31, 2, 3, 3, 1, 1, 1}};

// [rows, height, width, channels] with zeros around every image.
Floats Padded(const Convolution& c, const Floats& x) {
  Floats padded(c.rows * c.padded_height() * c.padded_row());
  const int64_t row = c.width * c.channels;
  for (int64_t i = 0; i < c.rows * c.height; ++i) {
    const int64_t image_row =
        i / c.height * c.padded_height() + i % c.height + c.pad;
    std::copy(x.data() + i * row, x.data() + (i + 1) * row,
              padded.data() + image_row * c.padded_row() + c.pad * c.channels);
  }
  return padded;
}

// Calls tap(index into x, into the kernel without the output, into y without
// the output) for every product of the definition.
template <typename Tap>
void ForTaps(const Convolution& c, const Tap& tap) {
  for (int64_t y = 0; y < c.rows * c.out_height() * c.out_width(); ++y) {
    const int64_t ox = y % c.out_width();
    const int64_t oy = y / c.out_width() % c.out_height();
    const int64_t n = y / c.out_width() / c.out_height();
    for (int64_t k = 0; k < c.kernel_height * c.kernel_row(); ++k) {
      const int64_t channel = k % c.channels;
      const int64_t ix =
          ox * c.stride + k / c.channels % c.kernel_width - c.pad;
      const int64_t iy = oy * c.stride + k / c.kernel_row() - c.pad;
      if (ix < 0 || ix >= c.width || iy < 0 || iy >= c.height) continue;
      tap(((n * c.height + iy) * c.width + ix) * c.channels + channel, k, y);
    }
  }
}

void ExpectNear(const Floats& actual, const std::vector<double>& expected) {
  for (int64_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], 1e-4) << "at " << i;
  }
}

class ConvolutionsTest : public KernelsTest {};

TEST_P(ConvolutionsTest, ForwardRowByRow) {
  for (const Convolution& c : kConvolutions) {
    const Floats x =
        Floats::Random(c.rows * c.height * c.width * c.channels, 1);
    const Floats padded = Padded(c, x);
    const Floats kernel =
        Floats::Random(c.kernel_height * c.kernel_row() * c.outputs, 2);
    const Floats bias = Floats::Random(c.outputs, 3);
    const int64_t size = c.rows * c.out_height() * c.out_width() * c.outputs;
    std::vector<double> expected(size);
    for (int64_t i = 0; i < size; ++i) expected[i] = bias[i % c.outputs];
    ForTaps(c, [&](int64_t in, int64_t k, int64_t y) {
      for (int64_t o = 0; o < c.outputs; ++o) {
        expected[y * c.outputs + o] +=
            static_cast<double>(x[in]) * kernel[k * c.outputs + o];
      }
    });
    for (double& value : expected) value = std::max(value, 0.0);

    Floats y(size);
    for (int64_t r = 0; r < c.rows * c.out_height(); ++r) {
      const int64_t image_row = r / c.out_height() * c.padded_height() +
                                r % c.out_height() * c.stride;
      kernels().multiply(
          {.a = {.data = padded.data() + image_row * c.padded_row(),
                 .outer_stride = c.stride * c.channels,
                 .segments = c.kernel_height,
                 .segment_stride = c.padded_row(),
                 .part_size = c.kernel_row()},
           .b = kernel.data(),
           .b_stride = c.outputs,
           .rows = c.out_width(),
           .columns = c.outputs},
          {.c = y.data() + r * c.out_width() * c.outputs,
           .c_stride = c.outputs,
           .bias = bias.data(),
           .relu = true});
    }
    ExpectNear(y, expected);
  }
}

TEST_P(ConvolutionsTest, KernelGradientByKernelRow) {
  for (const Convolution& c : kConvolutions) {
    const Floats x =
        Floats::Random(c.rows * c.height * c.width * c.channels, 1);
    const Floats padded = Padded(c, x);
    const Floats dy =
        Floats::Random(c.rows * c.out_height() * c.out_width() * c.outputs, 2);
    const int64_t size = c.kernel_height * c.kernel_row() * c.outputs;
    std::vector<double> expected(size);
    ForTaps(c, [&](int64_t in, int64_t k, int64_t y) {
      for (int64_t o = 0; o < c.outputs; ++o) {
        expected[k * c.outputs + o] +=
            static_cast<double>(x[in]) * dy[y * c.outputs + o];
      }
    });

    Floats gradient(size);
    Floats stepped(size);
    for (int64_t ky = 0; ky < c.kernel_height; ++ky) {
      const MatrixProduct product = {
          .a = {.data = padded.data() + ky * c.padded_row(),
                .outer_stride = 1,
                .segments = c.rows,
                .segment_stride = c.padded_height() * c.padded_row(),
                .parts = c.out_height(),
                .part_stride = c.stride * c.padded_row(),
                .part_size = c.out_width(),
                .inner_stride = c.stride * c.channels},
          .b = dy.data(),
          .b_stride = c.outputs,
          .rows = c.kernel_row(),
          .columns = c.outputs};
      const int64_t offset = ky * c.kernel_row() * c.outputs;
      kernels().multiply(
          product, {.c = gradient.data() + offset, .c_stride = c.outputs});
      kernels().multiply_and_step(
          product, {.learning_rate = -1, .parameters = stepped.data()}, offset);
    }
    ExpectNear(gradient, expected);
    ExpectNear(stepped, expected);
  }
}

SHOAL_FOR_INSTRUCTION_SETS(ConvolutionsTest);

}  // namespace
}  // namespace shoal::learning
