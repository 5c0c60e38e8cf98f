#include <cmath>
#include <cstdint>
#include <vector>

#include "gtest/gtest.h"
#include "learning/kernels/kernels.h"
#include "tests/learning/kernels/kernels_test_support.h"

namespace shoal::learning {
namespace {

// Shapes with and without padding, strides, gaps and overlaps.
std::vector<WindowShape> Shapes(int64_t channels) {
  std::vector<WindowShape> shapes = {{.height = 4,
                                      .width = 6,
                                      .kernel_height = 2,
                                      .kernel_width = 2,
                                      .stride_height = 2,
                                      .stride_width = 2},
                                     {.height = 5,
                                      .width = 5,
                                      .kernel_height = 3,
                                      .kernel_width = 3,
                                      .pad_top = 1,
                                      .pad_left = 1},
                                     {.height = 7,
                                      .width = 6,
                                      .kernel_height = 3,
                                      .kernel_width = 2,
                                      .stride_height = 2,
                                      .stride_width = 3,
                                      .pad_top = 2,
                                      .pad_left = 1},
                                     {.height = 1,
                                      .width = 17,
                                      .kernel_height = 1,
                                      .kernel_width = 5,
                                      .stride_width = 2,
                                      .pad_left = 2},
                                     {.height = 8,
                                      .width = 8,
                                      .kernel_height = 1,
                                      .kernel_width = 1,
                                      .stride_height = 3,
                                      .stride_width = 3},
                                     {.height = 2,
                                      .width = 3,
                                      .kernel_height = 5,
                                      .kernel_width = 7,
                                      .pad_top = 2,
                                      .pad_left = 3}};
  for (WindowShape& w : shapes) {
    w.rows = 3;
    w.channels = channels;
    // As much padding after as before.
    w.out_height =
        (w.height + 2 * w.pad_top - w.kernel_height) / w.stride_height + 1;
    w.out_width =
        (w.width + 2 * w.pad_left - w.kernel_width) / w.stride_width + 1;
  }
  return shapes;
}

int64_t InputSize(const WindowShape& w) {
  return w.rows * w.height * w.width * w.channels;
}
int64_t OutputSize(const WindowShape& w) {
  return w.rows * w.out_height * w.out_width * w.channels;
}
int64_t KernelSize(const WindowShape& w) {
  return w.kernel_height * w.kernel_width * w.channels;
}

// One pair of an output value and an input value of its window.
struct Tap {
  int64_t output;
  int64_t input;
  int64_t weight;  // index into the kernel
  int64_t place;   // in the window
};

// All taps inside the images, by output and then by place.
std::vector<Tap> Taps(const WindowShape& w) {
  std::vector<Tap> taps;
  for (int64_t output = 0; output < OutputSize(w); ++output) {
    const int64_t c = output % w.channels;
    const int64_t ox = output / w.channels % w.out_width;
    const int64_t oy = output / w.channels / w.out_width % w.out_height;
    const int64_t n = output / w.channels / w.out_width / w.out_height;
    for (int64_t ky = 0; ky < w.kernel_height; ++ky) {
      for (int64_t kx = 0; kx < w.kernel_width; ++kx) {
        const int64_t iy = oy * w.stride_height + ky - w.pad_top;
        const int64_t ix = ox * w.stride_width + kx - w.pad_left;
        if (iy < 0 || iy >= w.height || ix < 0 || ix >= w.width) continue;
        const int64_t place = ky * w.kernel_width + kx;
        taps.push_back({output,
                        ((n * w.height + iy) * w.width + ix) * w.channels + c,
                        place * w.channels + c, place});
      }
    }
  }
  return taps;
}

void ExpectNear(const Floats& actual, const std::vector<double>& expected) {
  ASSERT_EQ(actual.size(), static_cast<int64_t>(expected.size()));
  for (int64_t i = 0; i < actual.size(); ++i) {
    ASSERT_NEAR(actual[i], expected[i], 2e-5) << "at " << i;
  }
}

class WindowsTest : public KernelsTest {
 protected:
  // Calls check(shape, taps) for every shape with few and many channels.
  template <typename Check>
  void ForShapes(const Check& check) {
    for (int64_t channels : {1, 3, 4, 8, 16, 17, 35}) {
      for (const WindowShape& shape : Shapes(channels)) {
        SCOPED_TRACE(testing::Message()
                     << shape.height << " x " << shape.width << " x "
                     << channels << ", window " << shape.kernel_height << " x "
                     << shape.kernel_width);
        check(shape, Taps(shape));
      }
    }
  }
};

TEST_P(WindowsTest, DepthwiseConvolvesEveryChannel) {
  ForShapes([&](const WindowShape& w, const std::vector<Tap>& taps) {
    const Floats x = Floats::Random(InputSize(w), 1);
    const Floats kernel = Floats::Random(KernelSize(w), 2);
    const Floats bias = Floats::Random(w.channels, 3);
    for (bool relu : {false, true}) {
      std::vector<double> expected(OutputSize(w));
      for (size_t i = 0; i < expected.size(); ++i) {
        expected[i] = bias[i % w.channels];
      }
      for (const Tap& t : taps) {
        expected[t.output] +=
            static_cast<double>(x[t.input]) * kernel[t.weight];
      }
      for (double& value : expected) {
        if (relu && value < 0) value = 0;
      }
      Floats y(OutputSize(w), NAN);
      kernels().depthwise(w, x.data(), kernel.data(), bias.data(), relu,
                          y.data());
      ExpectNear(y, expected);
    }
  });
}

TEST_P(WindowsTest, DepthwiseHasTheInputGradientOfItsDefinition) {
  ForShapes([&](const WindowShape& w, const std::vector<Tap>& taps) {
    const Floats dy = Floats::Random(OutputSize(w), 1);
    const Floats kernel = Floats::Random(KernelSize(w), 2);
    std::vector<double> expected(InputSize(w));
    for (const Tap& t : taps) {
      expected[t.input] += static_cast<double>(dy[t.output]) * kernel[t.weight];
    }
    Floats dx(InputSize(w), NAN);
    kernels().depthwise_input_gradient(w, dy.data(), kernel.data(), dx.data());
    ExpectNear(dx, expected);
  });
}

TEST_P(WindowsTest, DepthwiseHasTheKernelGradientOfItsDefinition) {
  ForShapes([&](const WindowShape& w, const std::vector<Tap>& taps) {
    const Floats x = Floats::Random(InputSize(w), 1);
    const Floats dy = Floats::Random(OutputSize(w), 2);
    for (bool add : {false, true}) {
      Floats gradient(KernelSize(w), add ? 0.5f : NAN);
      std::vector<double> expected(KernelSize(w), add ? 0.5 : 0);
      for (const Tap& t : taps) {
        expected[t.weight] += static_cast<double>(x[t.input]) * dy[t.output];
      }
      kernels().depthwise_kernel_gradient(w, x.data(), dy.data(), add,
                                          gradient.data());
      ExpectNear(gradient, expected);
    }
  });
}

// Values from a few, so that windows hold equals.
Floats CoarseRandom(int64_t size) {
  Floats values = Floats::Random(size, 1, 0, 4);
  for (int64_t i = 0; i < size; ++i) values[i] = std::floor(values[i]) - 2;
  return values;
}

TEST_P(WindowsTest, MaxPoolTakesTheFirstOfTheLargest) {
  ForShapes([&](const WindowShape& w, const std::vector<Tap>& taps) {
    const Floats x = CoarseRandom(InputSize(w));
    std::vector<double> expected(OutputSize(w), -INFINITY);
    std::vector<int> places(OutputSize(w), -1);
    for (const Tap& t : taps) {
      if (x[t.input] > expected[t.output]) {
        expected[t.output] = x[t.input];
        places[t.output] = static_cast<int>(t.place);
      }
    }
    Floats y(OutputSize(w), NAN);
    std::unique_ptr<uint8_t[]> argmax(new uint8_t[OutputSize(w)]);
    kernels().max_pool(w, x.data(), y.data(), argmax.get());
    ExpectNear(y, expected);
    for (int64_t i = 0; i < OutputSize(w); ++i) {
      ASSERT_EQ(argmax[i], places[i]) << "at " << i;
    }
    Floats without(OutputSize(w), NAN);
    kernels().max_pool(w, x.data(), without.data(), nullptr);
    ExpectNear(without, expected);
  });
}

TEST_P(WindowsTest, MaxPoolSendsGradientsToTheWinners) {
  ForShapes([&](const WindowShape& w, const std::vector<Tap>& taps) {
    const Floats x = CoarseRandom(InputSize(w));
    const Floats dy = Floats::Random(OutputSize(w), 2);
    Floats y(OutputSize(w));
    std::unique_ptr<uint8_t[]> argmax(new uint8_t[OutputSize(w)]);
    kernels().max_pool(w, x.data(), y.data(), argmax.get());
    std::vector<double> expected(InputSize(w));
    for (const Tap& t : taps) {
      if (argmax[t.output] == t.place) expected[t.input] += dy[t.output];
    }
    Floats dx(InputSize(w), NAN);
    kernels().max_pool_gradient(w, dy.data(), argmax.get(), dx.data());
    ExpectNear(dx, expected);
  });
}

TEST_P(WindowsTest, MaxPoolShowsNotANumber) {
  for (int64_t at = 0; at < 3; ++at) {
    Floats x(3);
    x[at] = NAN;
    x[(at + 1) % 3] = INFINITY;
    const WindowShape w = {.rows = 1,
                           .height = 1,
                           .width = 3,
                           .channels = 1,
                           .out_height = 1,
                           .out_width = 1,
                           .kernel_width = 3};
    Floats y(1);
    uint8_t place = 99;
    kernels().max_pool(w, x.data(), y.data(), &place);
    EXPECT_TRUE(std::isnan(y[0]));
    EXPECT_EQ(place, at);
  }
}

TEST_P(WindowsTest, MaxPoolFindsMinusInfinity) {
  const Floats x(4, -INFINITY);
  const WindowShape w = {.rows = 1,
                         .height = 2,
                         .width = 2,
                         .channels = 1,
                         .out_height = 1,
                         .out_width = 1,
                         .kernel_height = 2,
                         .kernel_width = 2};
  Floats y(1);
  uint8_t place = 99;
  kernels().max_pool(w, x.data(), y.data(), &place);
  EXPECT_EQ(y[0], -INFINITY);
  EXPECT_EQ(place, 0);
}

std::vector<int64_t> PixelsByOutput(const WindowShape& w,
                                    const std::vector<Tap>& taps) {
  std::vector<int64_t> pixels(OutputSize(w));
  for (const Tap& t : taps) ++pixels[t.output];
  return pixels;
}

TEST_P(WindowsTest, AveragesLeaveThePaddingOut) {
  ForShapes([&](const WindowShape& w, const std::vector<Tap>& taps) {
    const Floats x = Floats::Random(InputSize(w), 1);
    const std::vector<int64_t> pixels = PixelsByOutput(w, taps);
    std::vector<double> expected(OutputSize(w));
    for (const Tap& t : taps) {
      expected[t.output] += x[t.input] / pixels[t.output];
    }
    Floats y(OutputSize(w), NAN);
    kernels().average_pool(w, x.data(), y.data());
    ExpectNear(y, expected);
  });
}

TEST_P(WindowsTest, AveragesShareTheirGradient) {
  ForShapes([&](const WindowShape& w, const std::vector<Tap>& taps) {
    const Floats dy = Floats::Random(OutputSize(w), 1);
    const std::vector<int64_t> pixels = PixelsByOutput(w, taps);
    std::vector<double> expected(InputSize(w));
    for (const Tap& t : taps) {
      expected[t.input] += dy[t.output] / pixels[t.output];
    }
    Floats dx(InputSize(w), NAN);
    kernels().average_pool_gradient(w, dy.data(), dx.data());
    ExpectNear(dx, expected);
  });
}

SHOAL_FOR_INSTRUCTION_SETS(WindowsTest);

}  // namespace
}  // namespace shoal::learning
