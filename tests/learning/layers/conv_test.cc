#include "learning/layers/conv.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/learning/layers/layer_check.h"
#include "tests/learning/layers/naive_windows.h"
#include "tests/support/status_matchers.h"

namespace shoal::learning {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::unique_ptr<Layer> Conv2d(const Conv2dSpec& spec, const Shape& input) {
  auto layer = MakeConv2d(spec, input);
  EXPECT_TRUE(layer.ok()) << layer.status();
  return *std::move(layer);
}

std::unique_ptr<Layer> Conv1d(const Conv1dSpec& spec, const Shape& input) {
  auto layer = MakeConv1d(spec, input);
  EXPECT_TRUE(layer.ok()) << layer.status();
  return *std::move(layer);
}

TEST(ConvTest, SlidesAKernelOverAnImage) {
  // x = [1 2 3; 4 5 6; 7 8 9], kernel [1 2; 3 4], bias 10.
  const auto layer =
      Conv2d({.filters = 1, .kernel = 2, .padding = Padding::kValid},
             Shape({3, 3, 1}));
  const LayerResult result = RunLayer(*layer, {.rows = 1,
                                               .x = {1, 2, 3, 4, 5, 6, 7, 8, 9},
                                               .parameters = {1, 2, 3, 4, 10},
                                               .dy = {1, 0, 0, 2}});
  EXPECT_THAT(result.y, ElementsAre(47, 57, 77, 87));
  // The kernel where dy is 1, and twice where it is 2.
  EXPECT_THAT(result.dx, ElementsAre(1, 2, 0, 3, 6, 4, 0, 6, 8));
  // The window where dy is 1, and twice where it is 2; the sum of dy.
  EXPECT_THAT(result.gradient, ElementsAre(11, 14, 20, 23, 3));
}

TEST(ConvTest, PaddingSameAddsTheOddZeroBehind) {
  // Kernel 2 needs one zero.
  const auto layer = Conv1d({.filters = 1, .kernel = 2}, Shape({3, 1}));
  EXPECT_EQ(layer->output(), Shape({3, 1}));
  const LayerResult result = RunLayer(
      *layer,
      {.rows = 1, .x = {1, 2, 3}, .parameters = {1, 10, 0}, .dy = {0, 0, 1}});
  EXPECT_THAT(result.y, ElementsAre(21, 32, 3));
  EXPECT_THAT(result.dx, ElementsAre(0, 0, 1));
}

TEST(ConvTest, ReluCutsOutputsAndTheirGradients) {
  const auto layer =
      Conv1d({.filters = 2, .kernel = 1, .activation = ActivationKind::kRelu},
             Shape({2, 1}));
  const LayerResult result = RunLayer(*layer, {.rows = 1,
                                               .x = {1, 2},
                                               .parameters = {3, -3, -4, 5},
                                               .dy = {1, 1, 1, 1}});
  EXPECT_THAT(result.y, ElementsAre(0, 2, 2, 0));
  EXPECT_THAT(result.dx, ElementsAre(-3, 3));
  EXPECT_THAT(result.gradient, ElementsAre(2, 1, 1, 1));
}

// y, dx and gradient by the definition in conv.h.
LayerResult NaiveConv(const WindowCase& c, int64_t filters,
                      const LayerRun& run) {
  const NaiveAxis axis_y = c.y(), axis_x = c.x();
  const int64_t outputs = run.rows * axis_y.outputs * axis_x.outputs;
  const int64_t bias = axis_y.kernel * axis_x.kernel * c.channels * filters;
  std::vector<double> y(outputs * filters), dx(run.x.size()),
      gradient(run.parameters.size());
  for (int64_t i = 0; i < outputs * filters; ++i) {
    y[i] = run.parameters[bias + i % filters];
    gradient[bias + i % filters] += run.dy[i];
  }
  for (const WindowPixel& pixel : WindowPixels(run.rows, axis_y, axis_x)) {
    for (int64_t k = 0; k < c.channels; ++k) {
      for (int64_t f = 0; f < filters; ++f) {
        const int64_t in = pixel.input * c.channels + k;
        const int64_t out = pixel.output * filters + f;
        const int64_t w = (pixel.place * c.channels + k) * filters + f;
        y[out] += static_cast<double>(run.x[in]) * run.parameters[w];
        dx[in] += static_cast<double>(run.dy[out]) * run.parameters[w];
        gradient[w] += static_cast<double>(run.dy[out]) * run.x[in];
      }
    }
  }
  return {{y.begin(), y.end()},
          {dx.begin(), dx.end()},
          {gradient.begin(), gradient.end()},
          run.parameters};
}

std::unique_ptr<Layer> ConvOf(const WindowCase& c, int filters) {
  if (c.height == 1) {
    return Conv1d({.filters = filters,
                   .kernel = c.kernel,
                   .stride = c.stride,
                   .padding = c.padding},
                  c.input());
  }
  return Conv2d({.filters = filters,
                 .kernel = c.kernel,
                 .stride = c.stride,
                 .padding = c.padding},
                c.input());
}

TEST(ConvTest, AgreesWithItsDefinition) {
  for (const WindowCase& c : WindowCases()) {
    for (const int filters : {1, 5, 18}) {
      SCOPED_TRACE(absl::StrCat(c.ToString(), ", ", filters, " filters"));
      const auto layer = ConvOf(c, filters);
      LayerRun run = {.rows = 2};
      run.x = RandomValues(1, run.rows * layer->input().num_values());
      run.parameters = RandomValues(2, layer->num_parameters());
      run.dy = RandomValues(3, run.rows * layer->output().num_values());
      const LayerResult expected = NaiveConv(c, filters, run);
      for (const Kernels* kernels : AllKernels()) {
        run.kernels = kernels;
        const LayerResult result = RunLayer(*layer, run);
        ExpectNear(result.y, expected.y, "y");
        ExpectNear(result.dx, expected.dx, "dx");
        ExpectNear(result.gradient, expected.gradient, "gradient");
      }
      if (HasFatalFailure()) return;
    }
  }
}

TEST(ConvTest, AgreesWithFiniteDifferences) {
  for (const bool bias : {true, false}) {
    CheckLayer(*Conv2d(
        {.filters = 4, .activation = ActivationKind::kRelu, .bias = bias},
        Shape({5, 6, 3})));
    CheckLayer(*Conv2d({.filters = 3, .kernel = 2, .stride = 2, .bias = bias},
                       Shape({5, 5, 2})));
    CheckLayer(
        *Conv2d({.filters = 3, .kernel = 1, .bias = bias}, Shape({3, 4, 5})));
    CheckLayer(*Conv1d({.filters = 3,
                        .kernel = 3,
                        .stride = 2,
                        .padding = Padding::kValid,
                        .bias = bias},
                       Shape({11, 2})));
  }
}

TEST(ConvTest, TellsItsTensorsWorkAndMemory) {
  const auto layer =
      Conv2d({.filters = 64, .kernel = 5, .activation = ActivationKind::kRelu},
             Shape({14, 14, 32}));
  EXPECT_THAT(layer->tensors()[0].dims, ElementsAre(5, 5, 32, 64));
  EXPECT_THAT(layer->tensors()[1].dims, ElementsAre(64));
  EXPECT_EQ(layer->forward_macs(), 14 * 14 * 25 * 32 * 64);
  const LayerMemory memory = layer->Memory(PassKind::kTrain, 10);
  // One padded image.
  EXPECT_EQ(memory.forward_scratch, 18 * 18 * 32);
  // All padded images; the turned kernel and one spread dy are less.
  EXPECT_EQ(memory.backward_scratch,
            std::max(10 * 18 * 18 * 32, 25 * 32 * 64 + 18 * 18 * 64));
  EXPECT_EQ(memory.saved, 0);
  // Nothing is padded, or spread.
  EXPECT_EQ(Conv2d({.filters = 8, .kernel = 1}, Shape({9, 9, 4}))
                ->Memory(PassKind::kTrain, 10)
                .backward_scratch,
            4 * 8);
}

TEST(ConvTest, StartsGlorotUniformWithoutBias) {
  const auto layer = Conv2d({.filters = 30}, Shape({8, 8, 20}));
  std::vector<float> parameters(layer->num_parameters(), -1);
  SeededRng rng(5);
  layer->Initialise(rng, absl::MakeSpan(parameters));
  const float limit = std::sqrt(6.0f / (9 * 20 + 9 * 30));
  float largest = 0;
  for (int i = 0; i < 9 * 20 * 30; ++i) {
    largest = std::max(largest, std::abs(parameters[i]));
  }
  EXPECT_LE(largest, limit);
  EXPECT_GT(largest, 0.99f * limit);
  for (int i = 9 * 20 * 30; i < layer->num_parameters(); ++i) {
    EXPECT_EQ(parameters[i], 0);
  }
}

TEST(ConvTest, RefusesWhatMakesNoLayer) {
  const auto refused = [](const Conv2dSpec& spec, const Shape& input,
                          const char* why) {
    EXPECT_THAT(MakeConv2d(spec, input),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(why)));
  };
  const Shape image({3, 3, 1});
  refused({.filters = 0}, image, "filters is 0, expected 1 to 1048576");
  refused({.filters = 1, .kernel = 0}, image, "kernel is 0, expected 1 to");
  refused({.filters = 1, .stride = -1}, image, "stride is -1, expected 1 to");
  refused({.filters = 1, .kernel = 5, .padding = Padding::kValid}, image,
          "kernel 5 does not fit a 3x3 input with padding valid");
  refused({.filters = 1}, Shape({784}),
          "expects an image [height, width, channels], got 784");
  refused({.filters = 1 << 20, .kernel = 1024}, image, "weight of 1024x1024x1");
  refused({.filters = 1 << 20}, Shape({9, 9, 1}), "values per example");
  refused({.filters = 1, .activation = ActivationKind::kGelu}, image,
          "a layer of its own");
  EXPECT_THAT(MakeConv1d({.filters = 1}, image),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("a sequence [length, channels], got 3x3x1")));
  EXPECT_THAT(
      MakeConv1d({.filters = 1, .kernel = 5, .padding = Padding::kValid},
                 Shape({3, 1})),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("kernel 5 does not fit a sequence of 3")));
}

}  // namespace
}  // namespace shoal::learning
