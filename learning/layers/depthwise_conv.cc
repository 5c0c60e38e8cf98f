#include "learning/layers/depthwise_conv.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "learning/layers/spec_checks.h"
#include "learning/layers/windows.h"

namespace shoal::learning {
namespace {

class DepthwiseConv final : public Layer {
 public:
  DepthwiseConv(const Shape& input, const Shape& output,
                std::vector<LayerTensor> tensors, const WindowShape& window,
                bool relu)
      : Layer(input, output, std::move(tensors)),
        window_(window),
        has_bias_(this->tensors().size() > 1),
        relu_(relu) {}

  int64_t forward_macs() const override {
    return output().positions() * tensor_size(0);
  }

  // Without a bias, zeros stand in for it.
  LayerMemory Memory(PassKind kind, int64_t) const override {
    const int64_t zeros = has_bias_ ? 0 : window_.channels;
    if (kind == PassKind::kPredict) return {.forward_scratch = zeros};
    return {.forward_scratch = zeros,
            .backward_scratch = num_parameters(),
            .backward_reads_input = true,
            .backward_reads_output = relu_};
  }

  void Initialise(SeededRng& rng, absl::Span<float> parameters) const override {
    const int64_t pixels = window_.kernel_height * window_.kernel_width;
    GlorotUniform(rng, pixels, pixels, parameters.subspan(0, tensor_size(0)));
    std::fill(parameters.begin() + tensor_size(0), parameters.end(), 0.0f);
  }

  void Forward(const ForwardPass& pass) const override {
    const float* bias = pass.scratch;
    if (has_bias_) {
      bias = pass.parameters + offset(1);
    } else {
      std::fill_n(pass.scratch, window_.channels, 0.0f);
    }
    pass.kernels->depthwise(Window(pass.rows), pass.x, pass.parameters, bias,
                            relu_, pass.y);
  }

  void Backward(const BackwardPass& pass) const override {
    const Kernels& kernels = *pass.kernels;
    const WindowShape window = Window(pass.rows);
    const int64_t pixels = pass.rows * output().positions();
    if (relu_) {
      kernels.activate_gradient(Activation::kRelu, pass.y, pass.dy,
                                pixels * window.channels, pass.dy);
    }
    if (pass.dx != nullptr) {
      kernels.depthwise_input_gradient(window, pass.dy, pass.parameters,
                                       pass.dx);
    }
    if (pass.sink == nullptr) return;
    kernels.depthwise_kernel_gradient(window, pass.x, pass.dy, /*add=*/false,
                                      pass.scratch);
    if (has_bias_) {
      kernels.column_sums(pass.dy, pixels, window.channels, /*add=*/false,
                          pass.scratch + offset(1));
    }
    pass.sink->Values(pass.scratch, num_parameters(), 0);
  }

 private:
  WindowShape Window(int64_t rows) const {
    WindowShape window = window_;
    window.rows = rows;
    return window;
  }

  const WindowShape window_;
  const bool has_bias_;
  const bool relu_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> MakeDepthwiseConv(
    const DepthwiseConvSpec& spec, const Shape& input) {
  SHOAL_ASSIGN_OR_RETURN(const bool relu, FusedRelu(spec.activation));
  SHOAL_ASSIGN_OR_RETURN(
      const WindowShape window,
      PlaceWindows(
          {.size = spec.kernel, .stride = spec.stride, .padding = spec.padding},
          input));
  const Shape output = WindowOutput(window, input, window.channels);
  std::vector<LayerTensor> tensors = {
      {.name = "weight",
       .dims = {window.kernel_height, window.kernel_width, window.channels}}};
  if (spec.bias) tensors.push_back({.name = "bias", .dims = {window.channels}});
  SHOAL_RETURN_IF_ERROR(CheckSizes(output, tensors));
  return std::make_unique<DepthwiseConv>(input, output, std::move(tensors),
                                         window, relu);
}

}  // namespace shoal::learning
