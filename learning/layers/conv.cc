#include "learning/layers/conv.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "learning/layers/spec_checks.h"
#include "learning/layers/windows.h"

namespace shoal::learning {
namespace {

// Images spread over larger ones of zeros: pixel (i, j) goes to
// (top + i * step_height, left + j * step_width).
struct Spread {
  int64_t height, width, channels;
  int64_t out_height, out_width;
  int64_t top, left;
  int64_t step_height, step_width;

  int64_t num_inputs() const { return height * width * channels; }
  int64_t num_outputs() const { return out_height * out_width * channels; }

  void Apply(const float* from, int64_t images, float* to) const {
    std::fill_n(to, images * num_outputs(), 0.0f);
    // Pixels side by side stay so.
    const int64_t run = step_width == 1 ? width * channels : channels;
    const int64_t runs = step_width == 1 ? 1 : width;
    for (int64_t n = 0; n < images; ++n) {
      for (int64_t i = 0; i < height; ++i) {
        float* line =
            to + ((n * out_height + top + i * step_height) * out_width + left) *
                     channels;
        for (int64_t r = 0; r < runs; ++r) {
          std::copy_n(from, run, line + r * step_width * channels);
          from += run;
        }
      }
    }
  }

  // The inside of one larger image. REQUIRES: steps of 1.
  void Undo(const float* from, float* to) const {
    from += (top * out_width + left) * channels;
    for (int64_t i = 0; i < height; ++i) {
      to = std::copy_n(from, width * channels, to);
      from += out_width * channels;
    }
  }
};

// C [out_height * out_width, filters] = the windows of an image
// [*, width, channels], which all lie inside, times `weight`
// [kernel_height * kernel_width * channels, filters].
struct WindowProduct {
  int64_t width, channels;
  int64_t out_height, out_width;
  int64_t kernel_height, kernel_width;
  int64_t stride_height, stride_width;
  int64_t filters;

  void Apply(const Kernels& kernels, const float* image, const float* weight,
             ProductOutput out) const {
    out.c_stride = filters;
    const int64_t line = width * channels;
    for (int64_t i = 0; i < out_height; ++i) {
      kernels.multiply({.a = {.data = image + i * stride_height * line,
                              .outer_stride = stride_width * channels,
                              .parts = kernel_height,
                              .part_stride = line,
                              .part_size = kernel_width * channels},
                        .b = weight,
                        .b_stride = filters,
                        .rows = out_width,
                        .columns = filters},
                       out);
      out.c += out_width * filters;
    }
  }
};

class Conv final : public Layer {
 public:
  Conv(const Shape& input, const Shape& output,
       std::vector<LayerTensor> tensors, const WindowShape& window, bool relu)
      : Layer(input, output, std::move(tensors)),
        window_(window),
        filters_(output.channels()),
        has_bias_(this->tensors().size() > 1),
        relu_(relu),
        pad_(Pad(window)),
        pads_(pad_.num_outputs() != pad_.num_inputs()),
        pointwise_(window.kernel_height * window.kernel_width *
                       window.stride_height * window.stride_width ==
                   1),
        dilate_(Dilate(window, filters_)),
        scatters_(!pointwise_ && ScatterPays(window)) {}

  int64_t sink_scratch() const override {
    return GradientSink::ScratchFloats(window_.kernel_width * window_.channels,
                                       filters_);
  }
  int64_t forward_macs() const override {
    return output().positions() * tensor_size(0);
  }

  LayerMemory Memory(PassKind kind, int64_t rows) const override {
    const int64_t one_padded = pads_ ? pad_.num_outputs() : 0;
    if (kind == PassKind::kPredict) return {.forward_scratch = one_padded};
    int64_t for_input = tensor_size(0);
    if (scatters_) {
      for_input += one_padded;
    } else if (!pointwise_) {
      for_input += dilate_.num_outputs();
    }
    return {.forward_scratch = one_padded,
            .backward_scratch = std::max(
                {for_input, rows * one_padded, has_bias_ ? filters_ : 0}),
            .backward_reads_input = true,
            .backward_reads_output = relu_};
  }

  void Initialise(SeededRng& rng, absl::Span<float> parameters) const override {
    const int64_t pixels = window_.kernel_height * window_.kernel_width;
    GlorotUniform(rng, pixels * window_.channels, pixels * filters_,
                  parameters.subspan(0, tensor_size(0)));
    std::fill(parameters.begin() + tensor_size(0), parameters.end(), 0.0f);
  }

  void Forward(const ForwardPass& pass) const override {
    ProductOutput out = {
        .c = pass.y,
        .bias = has_bias_ ? pass.parameters + offset(1) : nullptr,
        .relu = relu_};
    if (pointwise_) {
      MultiplyPixels(*pass.kernels, pass.x, pass.rows, window_.channels,
                     pass.parameters, filters_, out);
      return;
    }
    const WindowProduct product = {.width = pad_.out_width,
                                   .channels = window_.channels,
                                   .out_height = window_.out_height,
                                   .out_width = window_.out_width,
                                   .kernel_height = window_.kernel_height,
                                   .kernel_width = window_.kernel_width,
                                   .stride_height = window_.stride_height,
                                   .stride_width = window_.stride_width,
                                   .filters = filters_};
    for (int64_t n = 0; n < pass.rows; ++n) {
      const float* image = pass.x + n * pad_.num_inputs();
      if (pads_) {
        pad_.Apply(image, 1, pass.scratch);
        image = pass.scratch;
      }
      out.c = pass.y + n * output().num_values();
      product.Apply(*pass.kernels, image, pass.parameters, out);
    }
  }

  void Backward(const BackwardPass& pass) const override {
    if (relu_) {
      pass.kernels->activate_gradient(Activation::kRelu, pass.y, pass.dy,
                                      pass.rows * output().num_values(),
                                      pass.dy);
    }
    if (pass.dx != nullptr) {
      if (scatters_) {
        ScatterInputGradient(pass);
      } else {
        GatherInputGradient(pass);
      }
    }
    if (pass.sink == nullptr) return;
    WeightGradient(pass);
    if (!has_bias_) return;
    pass.kernels->column_sums(pass.dy, pass.rows * output().positions(),
                              filters_, /*add=*/false, pass.scratch);
    pass.sink->Values(pass.scratch, filters_, offset(1));
  }

 private:
  // The zeros that the windows reach into.
  static Spread Pad(const WindowShape& w) {
    const int64_t height = (w.out_height - 1) * w.stride_height;
    const int64_t width = (w.out_width - 1) * w.stride_width;
    return {.height = w.height,
            .width = w.width,
            .channels = w.channels,
            .out_height = std::max(w.height, height + w.kernel_height),
            .out_width = std::max(w.width, width + w.kernel_width),
            .top = w.pad_top,
            .left = w.pad_left,
            .step_height = 1,
            .step_width = 1};
  }
  // dy with zeros between (strides) and around, so that the pixels that a
  // pixel of x had a part in form a window as large as the kernel.
  static Spread Dilate(const WindowShape& w, int64_t filters) {
    return {.height = w.out_height,
            .width = w.out_width,
            .channels = filters,
            .out_height = w.height + w.kernel_height - 1,
            .out_width = w.width + w.kernel_width - 1,
            .top = w.kernel_height - 1 - w.pad_top,
            .left = w.kernel_width - 1 - w.pad_left,
            .step_height = w.stride_height,
            .step_width = w.stride_width};
  }

  // Gathering computes every pixel of dx from one window over the spread dy:
  // strides make it multiply zeros, and few channels leave registers empty.
  // Scattering adds lines of the kernel to dx, with more loads and stores.
  static bool ScatterPays(const WindowShape& w) {
    constexpr int64_t kLanes = 16;
    const auto vectors = [](int64_t floats) {
      return (floats + kLanes - 1) / kLanes;
    };
    const int64_t gather =
        w.height * w.width * w.kernel_width * vectors(w.channels);
    const int64_t scatter =
        w.out_height * w.out_width * vectors(w.kernel_width * w.channels);
    return w.out_height > 1 && 2 * scatter <= gather;
  }

  // All pixels of all images at once: `from` channels to `to`.
  void MultiplyPixels(const Kernels& kernels, const float* x, int64_t rows,
                      int64_t from, const float* weight, int64_t to,
                      ProductOutput out) const {
    out.c_stride = to;
    kernels.multiply({.a = {.data = x, .outer_stride = from, .part_size = from},
                      .b = weight,
                      .b_stride = to,
                      .rows = rows * output().positions(),
                      .columns = to},
                     out);
  }

  // dx[n, i * stride + u - top, j * stride + v - left, c] += the sum over f of
  // dy[n, i, j, f] * weight[u, v, c, f]: one product for every column j of dy
  // and row u of the kernel, in which (v, c) is one index.
  void ScatterInputGradient(const BackwardPass& pass) const {
    const int64_t columns = window_.kernel_width * window_.channels;
    const int64_t line = pad_.out_width * window_.channels;
    float* const weight = pass.scratch;  // [kernel_height, filters, columns]
    for (int64_t u = 0; u < window_.kernel_height; ++u) {
      const int64_t at = u * columns * filters_;
      pass.kernels->transpose(pass.parameters + at, columns, filters_, filters_,
                              weight + at, columns);
    }
    for (int64_t n = 0; n < pass.rows; ++n) {
      const float* const dy = pass.dy + n * output().num_values();
      float* const dx = pass.dx + n * pad_.num_inputs();
      float* const image = pads_ ? weight + tensor_size(0) : dx;
      std::fill_n(image, pad_.num_outputs(), 0.0f);
      for (int64_t j = 0; j < window_.out_width; ++j) {
        for (int64_t u = 0; u < window_.kernel_height; ++u) {
          pass.kernels->multiply(
              {.a = {.data = dy + j * filters_,
                     .outer_stride = window_.out_width * filters_,
                     .part_size = filters_},
               .b = weight + u * columns * filters_,
               .b_stride = columns,
               .rows = window_.out_height,
               .columns = columns},
              {.c = image + u * line +
                    j * window_.stride_width * window_.channels,
               .c_stride = window_.stride_height * line,
               .add = true});
        }
      }
      if (pads_) pad_.Undo(image, dx);
    }
  }

  // dx is the convolution of the spread dy with the kernel turned by half a
  // turn, [kernel_height, kernel_width, filters, channels].
  void GatherInputGradient(const BackwardPass& pass) const {
    const int64_t pixels = window_.kernel_height * window_.kernel_width;
    const int64_t pixel_size = window_.channels * filters_;
    float* const weight = pass.scratch;
    for (int64_t p = 0; p < pixels; ++p) {
      pass.kernels->transpose(pass.parameters + (pixels - 1 - p) * pixel_size,
                              window_.channels, filters_, filters_,
                              weight + p * pixel_size, window_.channels);
    }
    ProductOutput out = {.c = pass.dx};
    if (pointwise_) {
      MultiplyPixels(*pass.kernels, pass.dy, pass.rows, filters_, weight,
                     window_.channels, out);
      return;
    }
    const WindowProduct product = {.width = dilate_.out_width,
                                   .channels = filters_,
                                   .out_height = window_.height,
                                   .out_width = window_.width,
                                   .kernel_height = window_.kernel_height,
                                   .kernel_width = window_.kernel_width,
                                   .stride_height = 1,
                                   .stride_width = 1,
                                   .filters = window_.channels};
    float* const spread = weight + tensor_size(0);
    for (int64_t n = 0; n < pass.rows; ++n) {
      dilate_.Apply(pass.dy + n * dilate_.num_inputs(), 1, spread);
      out.c = pass.dx + n * pad_.num_inputs();
      product.Apply(*pass.kernels, spread, weight, out);
    }
  }

  // dW[u, v, c, f] = the sum over (n, i, j) of x[n, i * stride + u - top,
  // j * stride + v - left, c] * dy[n, i, j, f]: one product for every row u of
  // the kernel, in which (v, c) is one index.
  void WeightGradient(const BackwardPass& pass) const {
    const float* images = pass.x;
    if (pads_) {
      pad_.Apply(pass.x, pass.rows, pass.scratch);
      images = pass.scratch;
    }
    const int64_t line = pad_.out_width * window_.channels;
    const int64_t size = window_.kernel_width * window_.channels;
    for (int64_t u = 0; u < window_.kernel_height; ++u) {
      pass.sink->Product(
          {.a = {.data = images + u * line,
                 .outer_stride = 1,
                 .segments = pass.rows,
                 .segment_stride = pad_.num_outputs(),
                 .parts = window_.out_height,
                 .part_stride = window_.stride_height * line,
                 .part_size = window_.out_width,
                 .inner_stride = window_.stride_width * window_.channels},
           .b = pass.dy,
           .b_stride = filters_,
           .rows = size,
           .columns = filters_},
          u * size * filters_);
    }
  }

  const WindowShape window_;
  const int64_t filters_;
  const bool has_bias_;
  const bool relu_;
  const Spread pad_;
  const bool pads_;
  const bool pointwise_;  // 1x1, stride 1: a product over pixels
  const Spread dilate_;
  const bool scatters_;
};

template <typename Spec>
absl::StatusOr<std::unique_ptr<Layer>> MakeConv(const Spec& spec,
                                                const Shape& input) {
  SHOAL_RETURN_IF_ERROR(CheckRange("filters", spec.filters, 1, kMaxLayerWidth));
  SHOAL_ASSIGN_OR_RETURN(const bool relu, FusedRelu(spec.activation));
  SHOAL_ASSIGN_OR_RETURN(
      const WindowShape window,
      PlaceWindows(
          {.size = spec.kernel, .stride = spec.stride, .padding = spec.padding},
          input));
  const Shape output = WindowOutput(window, input, spec.filters);
  std::vector<LayerTensor> tensors = {
      {.name = "weight",
       .dims = {window.kernel_height, window.kernel_width, window.channels,
                spec.filters}}};
  if (spec.bias) tensors.push_back({.name = "bias", .dims = {spec.filters}});
  SHOAL_RETURN_IF_ERROR(CheckSizes(output, tensors));
  return std::make_unique<Conv>(input, output, std::move(tensors), window,
                                relu);
}

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> MakeConv2d(const Conv2dSpec& spec,
                                                  const Shape& input) {
  SHOAL_RETURN_IF_ERROR(CheckInput(InputKind::kImage, input));
  return MakeConv(spec, input);
}

absl::StatusOr<std::unique_ptr<Layer>> MakeConv1d(const Conv1dSpec& spec,
                                                  const Shape& input) {
  SHOAL_RETURN_IF_ERROR(CheckInput(InputKind::kSequence, input));
  return MakeConv(spec, input);
}

}  // namespace shoal::learning
