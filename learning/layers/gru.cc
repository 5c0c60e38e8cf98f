#include "learning/layers/gru.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "learning/layers/spec_checks.h"

namespace shoal::learning {
namespace {

enum Tensor { kInputWeight, kRecurrentWeight, kInputBias, kRecurrentBias };

// Where the states h_t lie: those of a step are `example` floats apart.
// Products read rows at any distance, so nothing is brought into the order of
// time.
template <typename Float>
struct States {
  Float* data;
  int64_t example;
  int64_t step;
  Float* At(int64_t row, int64_t t) const {
    return data + row * example + t * step;
  }
  operator States<const float>() const {  // NOLINT: as pointers convert
    return {data, example, step};
  }
};

// h' = n + z (h - n). `state` may be `previous`.
void NextState(int64_t units, const float* gates, const float* previous,
               float* state) {
  const float* const z = gates;
  const float* const n = gates + 2 * units;
  for (int64_t i = 0; i < units; ++i) {
    state[i] = n[i] + z[i] * (previous[i] - n[i]);
  }
}

// n += r * (h Un + cn), before the tanh.
void AddResetProduct(int64_t units, const float* __restrict r,
                     const float* __restrict product, float* __restrict n) {
  for (int64_t i = 0; i < units; ++i) n[i] += r[i] * product[i];
}

// With d the gradient of h' and q = h Un + cn, turns gates into the gradients
// of what their functions were applied to, q into its gradient, and d into the
// part of the gradient of h that does not go through the gates.
void GateGradients(int64_t units, const float* __restrict previous,
                   float* __restrict z, float* __restrict r,
                   float* __restrict n, float* __restrict q,
                   float* __restrict d) {
  for (int64_t i = 0; i < units; ++i) {
    const float dn = d[i] * (1 - z[i]) * (1 - n[i] * n[i]);
    const float dz = d[i] * (previous[i] - n[i]) * z[i] * (1 - z[i]);
    const float dr = dn * q[i] * r[i] * (1 - r[i]);
    q[i] = dn * r[i];
    d[i] *= z[i];
    z[i] = dz;
    r[i] = dr;
    n[i] = dn;
  }
}

void MultiplyBy(int64_t size, const float* __restrict factors,
                float* __restrict values) {
  for (int64_t i = 0; i < size; ++i) values[i] *= factors[i];
}

class Gru final : public Layer {
 public:
  Gru(const Shape& input, const Shape& output, std::vector<LayerTensor> tensors,
      int64_t units)
      : Layer(input, output, std::move(tensors)),
        length_(input.dims()[0]),
        channels_(input.channels()),
        units_(units),
        gates_(3 * units),
        sequences_(output.rank() == 2) {}

  int64_t sink_scratch() const override {
    return std::max(GradientSink::ScratchFloats(channels_, gates_),
                    GradientSink::ScratchFloats(units_, gates_));
  }
  int64_t forward_macs() const override {
    return length_ * (channels_ + units_) * gates_;
  }

  LayerMemory Memory(PassKind kind, int64_t rows) const override {
    const int64_t steps = rows * length_;
    const int64_t step_products = rows * gates_ + units_;
    if (kind == PassKind::kPredict) {
      return {.forward_scratch = steps * gates_ + step_products};
    }
    const bool lean = kind == PassKind::kTrainLean;
    const int64_t states = sequences_ ? 0 : steps * units_;
    return {.saved = states + (lean ? 0 : steps * KeptFloats()),
            .forward_scratch = (lean ? steps * gates_ : 0) + step_products,
            .backward_scratch = steps * gates_ + (lean ? steps * units_ : 0) +
                                step_products + rows * units_ +
                                gates_ * std::max(units_, channels_),
            .backward_reads_input = true,
            .backward_reads_output = sequences_};
  }

  void Initialise(SeededRng& rng, absl::Span<float> parameters) const override {
    std::fill(parameters.begin(), parameters.end(), 0.0f);
    GlorotUniform(
        rng, channels_, units_,
        parameters.subspan(offset(kInputWeight), tensor_size(kInputWeight)));
    GlorotUniform(rng, units_, units_,
                  parameters.subspan(offset(kRecurrentWeight),
                                     tensor_size(kRecurrentWeight)));
  }

  void Forward(const ForwardPass& pass) const override {
    const bool keeps = pass.kind == PassKind::kTrain;
    const int64_t stride = keeps ? KeptFloats() : gates_;
    float* const gates = keeps ? pass.saved : pass.scratch;
    float* const products =
        pass.scratch + (keeps ? 0 : pass.rows * length_ * gates_);
    float* const zeros = products + pass.rows * gates_;
    std::fill_n(zeros, units_, 0.0f);
    const States<float> states = StatesOf(pass);
    MultiplyInput(*pass.kernels, pass.parameters, pass.x, pass.rows, gates,
                  stride);
    for (int64_t t = 0; t < length_; ++t) {
      MultiplyStates(*pass.kernels, pass.parameters, states, pass.rows, t,
                     products);
      for (int64_t row = 0; row < pass.rows; ++row) {
        float* const own = gates + (row * length_ + t) * stride;
        const float* const product = products + row * gates_;
        FinishGates(*pass.kernels, product, own);
        if (keeps) std::copy_n(product + 2 * units_, units_, own + gates_);
        NextState(units_, own, t == 0 ? zeros : states.At(row, t - 1),
                  states.At(row, t));
      }
    }
    if (sequences_ || pass.kind == PassKind::kPredict) return;
    for (int64_t row = 0; row < pass.rows; ++row) {
      std::copy_n(states.At(row, length_ - 1), units_, pass.y + row * units_);
    }
  }

  void Backward(const BackwardPass& pass) const override {
    const Scratch scratch = Divide(pass);
    const auto states = StatesIn(sequences_ ? pass.y : KeptStates(pass));
    if (pass.kind == PassKind::kTrainLean) {
      MultiplyInput(*pass.kernels, pass.parameters, pass.x, pass.rows,
                    scratch.gates, gates_);
    }
    pass.kernels->transpose(pass.parameters + offset(kRecurrentWeight), units_,
                            gates_, gates_, scratch.transposed, units_);
    StartStateGradient(pass, scratch);
    for (int64_t t = length_ - 1; t >= 0; --t) {
      StepBack(pass, scratch, states, t);
    }
    if (pass.dx != nullptr) InputGradient(pass, scratch);
    if (pass.sink != nullptr) ParameterGradients(pass, scratch, states);
  }

 private:
  // The parts of backward_scratch. With `steps` = rows * length.
  struct Scratch {
    float* gates;       // [steps, 3 * units]: gates, then their gradients
    float* resets;      // lean: the gate r [steps, units], else unused
    float* products;    // of one step: [rows, 3 * units]
    float* zeros;       // the state before the first
    float* d_state;     // [rows, units]
    float* transposed;  // a weight: [3 * units, units or channels]
  };

  // z, r, n and h Un + cn of a step.
  int64_t KeptFloats() const { return 4 * units_; }

  const float* KeptStates(const BackwardPass& pass) const {
    const bool lean = pass.kind == PassKind::kTrainLean;
    return pass.saved + (lean ? 0 : pass.rows * length_ * KeptFloats());
  }
  template <typename Float>
  States<Float> StatesIn(Float* data) const {
    return {data, length_ * units_, units_};
  }
  States<float> StatesOf(const ForwardPass& pass) const {
    if (sequences_) return StatesIn(pass.y);
    // Only the last counts, which takes the place of those before.
    if (pass.kind == PassKind::kPredict) return {pass.y, units_, 0};
    const bool lean = pass.kind == PassKind::kTrainLean;
    return StatesIn(pass.saved +
                    (lean ? 0 : pass.rows * length_ * KeptFloats()));
  }

  Scratch Divide(const BackwardPass& pass) const {
    const int64_t steps = pass.rows * length_;
    const bool lean = pass.kind == PassKind::kTrainLean;
    Scratch scratch;
    scratch.gates = pass.scratch;
    scratch.resets = scratch.gates + steps * gates_;
    scratch.products = scratch.resets + (lean ? steps * units_ : 0);
    scratch.zeros = scratch.products + pass.rows * gates_;
    scratch.d_state = scratch.zeros + units_;
    scratch.transposed = scratch.d_state + pass.rows * units_;
    std::fill_n(scratch.zeros, units_, 0.0f);
    return scratch;
  }

  // x W + b of all steps at once, to rows that are `stride` floats apart.
  void MultiplyInput(const Kernels& kernels, const float* parameters,
                     const float* x, int64_t rows, float* to,
                     int64_t stride) const {
    kernels.multiply(
        {.a = {.data = x, .outer_stride = channels_, .part_size = channels_},
         .b = parameters + offset(kInputWeight),
         .b_stride = gates_,
         .rows = rows * length_,
         .columns = gates_},
        {.c = to, .c_stride = stride, .bias = parameters + offset(kInputBias)});
  }

  // h U + c with the states before step t: [rows, 3 * units].
  void MultiplyStates(const Kernels& kernels, const float* parameters,
                      const States<const float>& states, int64_t rows,
                      int64_t t, float* products) const {
    const float* const bias = parameters + offset(kRecurrentBias);
    if (t == 0) {
      for (int64_t row = 0; row < rows; ++row) {
        std::copy_n(bias, gates_, products + row * gates_);
      }
      return;
    }
    kernels.multiply({.a = {.data = states.At(0, t - 1),
                            .outer_stride = states.example,
                            .part_size = units_},
                      .b = parameters + offset(kRecurrentWeight),
                      .b_stride = gates_,
                      .rows = rows,
                      .columns = gates_},
                     {.c = products, .c_stride = gates_, .bias = bias});
  }

  // Turns the input's products of an example and step into z, r, n.
  void FinishGates(const Kernels& kernels, const float* product,
                   float* gates) const {
    float* const n = gates + 2 * units_;
    kernels.axpy(1, product, 2 * units_, gates);
    kernels.activate(Activation::kSigmoid, gates, 2 * units_, gates);
    AddResetProduct(units_, gates + units_, product + 2 * units_, n);
    kernels.activate(Activation::kTanh, n, units_, n);
  }

  // The gradient of the last state.
  void StartStateGradient(const BackwardPass& pass,
                          const Scratch& scratch) const {
    if (sequences_) {
      std::fill_n(scratch.d_state, pass.rows * units_, 0.0f);
    } else {
      std::copy_n(pass.dy, pass.rows * units_, scratch.d_state);
    }
  }

  // Brings the gates of an example and step to `gates` and h Un + cn to the end
  // of `product`; kept ones, or computed again.
  void RestoreGates(const BackwardPass& pass, const Scratch& scratch,
                    int64_t step, float* gates, float* product) const {
    if (pass.kind == PassKind::kTrainLean) {
      FinishGates(*pass.kernels, product, gates);
      std::copy_n(gates + units_, units_, scratch.resets + step * units_);
    } else {
      const float* const kept = pass.saved + step * KeptFloats();
      std::copy_n(kept, gates_, gates);
      std::copy_n(kept + gates_, units_, product + 2 * units_);
    }
  }

  void StepBack(const BackwardPass& pass, const Scratch& scratch,
                const States<const float>& states, int64_t t) const {
    if (pass.kind == PassKind::kTrainLean) {
      MultiplyStates(*pass.kernels, pass.parameters, states, pass.rows, t,
                     scratch.products);
    }
    for (int64_t row = 0; row < pass.rows; ++row) {
      const int64_t step = row * length_ + t;
      float* const gates = scratch.gates + step * gates_;
      float* const product = scratch.products + row * gates_;
      float* const d_state = scratch.d_state + row * units_;
      RestoreGates(pass, scratch, step, gates, product);
      if (sequences_) {
        pass.kernels->axpy(1, pass.dy + step * units_, units_, d_state);
      }
      GateGradients(units_, t == 0 ? scratch.zeros : states.At(row, t - 1),
                    gates, gates + units_, gates + 2 * units_,
                    product + 2 * units_, d_state);
      std::copy_n(gates, 2 * units_, product);
    }
    if (t == 0) return;
    pass.kernels->multiply(
        {.a = {.data = scratch.products,
               .outer_stride = gates_,
               .part_size = gates_},
         .b = scratch.transposed,
         .b_stride = units_,
         .rows = pass.rows,
         .columns = units_},
        {.c = scratch.d_state, .c_stride = units_, .add = true});
  }

  void InputGradient(const BackwardPass& pass, const Scratch& scratch) const {
    pass.kernels->transpose(pass.parameters + offset(kInputWeight), channels_,
                            gates_, gates_, scratch.transposed, channels_);
    pass.kernels->multiply({.a = {.data = scratch.gates,
                                  .outer_stride = gates_,
                                  .part_size = gates_},
                            .b = scratch.transposed,
                            .b_stride = channels_,
                            .rows = pass.rows * length_,
                            .columns = channels_},
                           {.c = pass.dx, .c_stride = channels_});
  }

  // With G the gradients of the gates' arguments [steps, 3 * units]:
  // dW = x^T G, db = the column sums of G. On the recurrent side, where n's
  // argument came in through r, G's last third is multiplied by r.
  void ParameterGradients(const BackwardPass& pass, const Scratch& scratch,
                          const States<const float>& states) const {
    const int64_t steps = pass.rows * length_;
    const auto column_sums = [&](int tensor) {
      pass.kernels->column_sums(scratch.gates, steps, gates_, /*add=*/false,
                                scratch.products);
      pass.sink->Values(scratch.products, gates_, offset(tensor));
    };
    pass.sink->Product(Gradient(pass.x, channels_, steps, scratch.gates),
                       offset(kInputWeight));
    column_sums(kInputBias);
    ApplyResets(pass, scratch);
    column_sums(kRecurrentBias);
    // Every step but the first of an example meets the state before it: one
    // product of all states but the last with all steps but the first, in
    // which zeros stand where the next example begins.
    for (int64_t row = 1; row < pass.rows; ++row) {
      std::fill_n(scratch.gates + row * length_ * gates_, gates_, 0.0f);
    }
    pass.sink->Product(
        Gradient(states.data, units_, steps - 1, scratch.gates + gates_),
        offset(kRecurrentWeight));
  }

  void ApplyResets(const BackwardPass& pass, const Scratch& scratch) const {
    const bool lean = pass.kind == PassKind::kTrainLean;
    const float* const resets = lean ? scratch.resets : pass.saved + units_;
    const int64_t stride = lean ? units_ : KeptFloats();
    for (int64_t step = 0; step < pass.rows * length_; ++step) {
      MultiplyBy(units_, resets + step * stride,
                 scratch.gates + step * gates_ + 2 * units_);
    }
  }

  // values^T [width, steps] gradients [steps, 3 * units].
  MatrixProduct Gradient(const float* values, int64_t width, int64_t steps,
                         const float* gradients) const {
    return {.a = {.data = values,
                  .outer_stride = 1,
                  .part_size = steps,
                  .inner_stride = width},
            .b = gradients,
            .b_stride = gates_,
            .rows = width,
            .columns = gates_};
  }

  const int64_t length_;
  const int64_t channels_;
  const int64_t units_;
  const int64_t gates_;  // 3 * units
  const bool sequences_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> MakeGru(const GruSpec& spec,
                                               const Shape& input) {
  SHOAL_RETURN_IF_ERROR(CheckInput(InputKind::kSequence, input));
  SHOAL_RETURN_IF_ERROR(CheckRange("units", spec.units, 1, kMaxLayerWidth));
  const int64_t units = spec.units;
  std::vector<LayerTensor> tensors = {
      {.name = "input_weight", .dims = {input.channels(), 3 * units}},
      {.name = "recurrent_weight", .dims = {units, 3 * units}},
      {.name = "input_bias", .dims = {3 * units}},
      {.name = "recurrent_bias", .dims = {3 * units}}};
  const Shape states({input.dims()[0], units});
  SHOAL_RETURN_IF_ERROR(CheckSizes(states, tensors));
  const Shape output = spec.return_sequences ? states : Shape({units});
  return std::make_unique<Gru>(input, output, std::move(tensors), units);
}

}  // namespace shoal::learning
