#include "learning/layers/dense.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "learning/layers/spec_checks.h"

namespace shoal::learning {
namespace {

// No instruction set has more floats in a register.
constexpr int64_t kMaxLanes = 16;

int64_t RoundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

class Dense final : public Layer {
 public:
  Dense(const Shape& input, const Shape& output,
        std::vector<LayerTensor> tensors, bool relu)
      : Layer(input, output, std::move(tensors)),
        inputs_(input.channels()),
        units_(output.channels()),
        has_bias_(this->tensors().size() > 1),
        relu_(relu) {}

  int64_t sink_scratch() const override {
    return GradientSink::ScratchFloats(inputs_, units_);
  }
  int64_t forward_macs() const override {
    return input().positions() * inputs_ * units_;
  }

  LayerMemory Memory(PassKind kind, int64_t rows) const override {
    if (kind == PassKind::kPredict) return {};
    const int64_t vectors = rows * input().positions();
    const int64_t for_input = GradientByRows(vectors)
                                  ? inputs_ * units_
                                  : ColumnScratch(vectors, kMaxLanes);
    return {.backward_scratch = std::max(for_input, has_bias_ ? units_ : 0),
            .backward_reads_input = true,
            .backward_reads_output = relu_};
  }

  void Initialise(SeededRng& rng, absl::Span<float> parameters) const override {
    GlorotUniform(rng, inputs_, units_,
                  parameters.subspan(0, inputs_ * units_));
    std::fill(parameters.begin() + inputs_ * units_, parameters.end(), 0.0f);
  }

  void Forward(const ForwardPass& pass) const override {
    pass.kernels->multiply(
        {.a = {.data = pass.x, .outer_stride = inputs_, .part_size = inputs_},
         .b = pass.parameters,
         .b_stride = units_,
         .rows = pass.rows * input().positions(),
         .columns = units_},
        {.c = pass.y,
         .c_stride = units_,
         .bias = has_bias_ ? pass.parameters + offset(1) : nullptr,
         .relu = relu_});
  }

  void Backward(const BackwardPass& pass) const override {
    const int64_t vectors = pass.rows * input().positions();
    if (relu_) {
      pass.kernels->activate_gradient(Activation::kRelu, pass.y, pass.dy,
                                      vectors * units_, pass.dy);
    }
    if (pass.dx != nullptr) {
      if (GradientByRows(vectors)) {
        InputGradientByRows(pass, vectors);
      } else {
        InputGradientByColumns(pass, vectors);
      }
    }
    if (pass.sink != nullptr) ParameterGradient(pass, vectors);
  }

 private:
  // dx = dy W^T needs one of its operands transposed: W, or else dy and, in
  // the end, dx. Whichever takes less memory takes less time as well.
  bool GradientByRows(int64_t vectors) const {
    return inputs_ * units_ <= ColumnScratch(vectors, kMaxLanes);
  }
  // dy and dx as columns, padded to whole registers.
  int64_t ColumnScratch(int64_t vectors, int64_t lanes) const {
    return (inputs_ + units_) * RoundUp(vectors, lanes);
  }

  void InputGradientByRows(const BackwardPass& pass, int64_t vectors) const {
    pass.kernels->transpose(pass.parameters, inputs_, units_, units_,
                            pass.scratch, inputs_);
    pass.kernels->multiply(
        {.a = {.data = pass.dy, .outer_stride = units_, .part_size = units_},
         .b = pass.scratch,
         .b_stride = inputs_,
         .rows = vectors,
         .columns = inputs_},
        {.c = pass.dx, .c_stride = inputs_});
  }

  // dx^T = W dy^T.
  void InputGradientByColumns(const BackwardPass& pass, int64_t vectors) const {
    const int64_t columns = RoundUp(vectors, pass.kernels->lanes);
    float* const dy_columns = pass.scratch;
    float* const dx_columns = pass.scratch + units_ * columns;
    pass.kernels->transpose(pass.dy, vectors, units_, units_, dy_columns,
                            columns);
    pass.kernels->multiply({.a = {.data = pass.parameters,
                                  .outer_stride = units_,
                                  .part_size = units_},
                            .b = dy_columns,
                            .b_stride = columns,
                            .rows = inputs_,
                            .columns = columns},
                           {.c = dx_columns, .c_stride = columns});
    pass.kernels->transpose(dx_columns, inputs_, vectors, columns, pass.dx,
                            inputs_);
  }

  // dW = x^T dy, db = the column sums of dy.
  void ParameterGradient(const BackwardPass& pass, int64_t vectors) const {
    pass.sink->Product({.a = {.data = pass.x,
                              .outer_stride = 1,
                              .part_size = vectors,
                              .inner_stride = inputs_},
                        .b = pass.dy,
                        .b_stride = units_,
                        .rows = inputs_,
                        .columns = units_},
                       offset(0));
    if (!has_bias_) return;
    pass.kernels->column_sums(pass.dy, vectors, units_, /*add=*/false,
                              pass.scratch);
    pass.sink->Values(pass.scratch, units_, offset(1));
  }

  const int64_t inputs_;
  const int64_t units_;
  const bool has_bias_;
  const bool relu_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> MakeDense(const DenseSpec& spec,
                                                 const Shape& input) {
  SHOAL_RETURN_IF_ERROR(CheckInput(InputKind::kAny, input));
  SHOAL_RETURN_IF_ERROR(CheckRange("units", spec.units, 1, kMaxLayerWidth));
  SHOAL_ASSIGN_OR_RETURN(const bool relu, FusedRelu(spec.activation));
  std::vector<int64_t> dims = input.dims();
  dims.back() = spec.units;
  const Shape output(std::move(dims));
  std::vector<LayerTensor> tensors = {
      {.name = "weight", .dims = {input.channels(), spec.units}}};
  if (spec.bias) tensors.push_back({.name = "bias", .dims = {spec.units}});
  SHOAL_RETURN_IF_ERROR(CheckSizes(output, tensors));
  return std::make_unique<Dense>(input, output, std::move(tensors), relu);
}

}  // namespace shoal::learning
