#include "learning/layers/depthwise_conv.h"

#include <memory>
#include <vector>

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

std::unique_ptr<Layer> Depthwise(const DepthwiseConvSpec& spec,
                                 const Shape& input) {
  auto layer = MakeDepthwiseConv(spec, input);
  EXPECT_TRUE(layer.ok()) << layer.status();
  return *std::move(layer);
}

TEST(DepthwiseConvTest, GivesEveryChannelItsOwnKernel) {
  // Channel 0: 1 2 3 with kernel 1 10; channel 1: 4 5 6 with kernel 2 0.
  const auto layer =
      Depthwise({.kernel = 2, .padding = Padding::kValid}, Shape({3, 2}));
  const LayerResult result =
      RunLayer(*layer, {.rows = 1,
                        .x = {1, 4, 2, 5, 3, 6},
                        .parameters = {1, 2, 10, 0, 100, 200},
                        .dy = {1, 0, 0, 1}});
  EXPECT_THAT(result.y, ElementsAre(121, 208, 132, 210));
  EXPECT_THAT(result.dx, ElementsAre(1, 0, 10, 2, 0, 0));
  EXPECT_THAT(result.gradient, ElementsAre(1, 5, 2, 6, 1, 1));
}

// By the definition in depthwise_conv.h.
LayerResult NaiveDepthwise(const WindowCase& c, const LayerRun& run) {
  const NaiveAxis axis_y = c.y(), axis_x = c.x();
  const int64_t outputs = run.rows * axis_y.outputs * axis_x.outputs;
  const int64_t bias = axis_y.kernel * axis_x.kernel * c.channels;
  std::vector<double> y(outputs * c.channels), dx(run.x.size()),
      gradient(run.parameters.size());
  for (int64_t i = 0; i < outputs * c.channels; ++i) {
    y[i] = run.parameters[bias + i % c.channels];
    gradient[bias + i % c.channels] += run.dy[i];
  }
  for (const WindowPixel& pixel : WindowPixels(run.rows, axis_y, axis_x)) {
    for (int64_t k = 0; k < c.channels; ++k) {
      const int64_t in = pixel.input * c.channels + k;
      const int64_t out = pixel.output * c.channels + k;
      const int64_t w = pixel.place * c.channels + k;
      y[out] += static_cast<double>(run.x[in]) * run.parameters[w];
      dx[in] += static_cast<double>(run.dy[out]) * run.parameters[w];
      gradient[w] += static_cast<double>(run.dy[out]) * run.x[in];
    }
  }
  return {{y.begin(), y.end()},
          {dx.begin(), dx.end()},
          {gradient.begin(), gradient.end()},
          run.parameters};
}

TEST(DepthwiseConvTest, AgreesWithItsDefinition) {
  for (const WindowCase& c : WindowCases()) {
    SCOPED_TRACE(c.ToString());
    const auto layer = Depthwise(
        {.kernel = c.kernel, .stride = c.stride, .padding = c.padding},
        c.input());
    LayerRun run = {.rows = 2};
    run.x = RandomValues(1, run.rows * layer->input().num_values());
    run.parameters = RandomValues(2, layer->num_parameters());
    run.dy = RandomValues(3, run.rows * layer->output().num_values());
    const LayerResult expected = NaiveDepthwise(c, run);
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

TEST(DepthwiseConvTest, AgreesWithFiniteDifferences) {
  for (const bool bias : {true, false}) {
    CheckLayer(*Depthwise({.activation = ActivationKind::kRelu, .bias = bias},
                          Shape({5, 4, 3})));
    CheckLayer(
        *Depthwise({.kernel = 5, .stride = 2, .bias = bias}, Shape({9, 4})));
  }
}

TEST(DepthwiseConvTest, TellsItsTensorsAndWork) {
  const auto image = Depthwise({.kernel = 3, .stride = 2}, Shape({8, 8, 6}));
  EXPECT_EQ(image->output(), Shape({4, 4, 6}));
  EXPECT_THAT(image->tensors()[0].dims, ElementsAre(3, 3, 6));
  EXPECT_EQ(image->forward_macs(), 4 * 4 * 9 * 6);
  EXPECT_EQ(image->sink_scratch(), 0);
  const auto sequence = Depthwise({.kernel = 3}, Shape({8, 6}));
  EXPECT_THAT(sequence->tensors()[0].dims, ElementsAre(1, 3, 6));
}

TEST(DepthwiseConvTest, RefusesWhatMakesNoLayer) {
  EXPECT_THAT(MakeDepthwiseConv({.kernel = 4, .padding = Padding::kValid},
                                Shape({3, 5, 1})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("kernel 4 does not fit a 3x5 input")));
  EXPECT_THAT(MakeDepthwiseConv({}, Shape({5})),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("expects a sequence [length, channels] or an "
                                 "image [height, width, channels], got 5")));
  EXPECT_THAT(
      MakeDepthwiseConv({.activation = ActivationKind::kTanh}, Shape({5, 1})),
      StatusIs(absl::StatusCode::kInvalidArgument));
}

}  // namespace
}  // namespace shoal::learning
