#include "learning/layers/activation.h"

#include "base/status_macros.h"
#include "learning/layers/spec_checks.h"

namespace shoal::learning {
namespace {

class ActivationLayer final : public Layer {
 public:
  ActivationLayer(const Shape& shape, Activation function)
      : Layer(shape, shape, {}), function_(function) {}

  int64_t forward_macs() const override { return 0; }

  // The derivative follows from the output, except that of GELU, which is not
  // monotonic.
  LayerMemory Memory(PassKind kind, int64_t) const override {
    if (kind == PassKind::kPredict) return {.in_place = true};
    const bool gelu = function_ == Activation::kGelu;
    return {.backward_reads_input = gelu,
            .backward_reads_output = !gelu,
            .in_place = !gelu,
            .backward_in_place = true};
  }

  void Forward(const ForwardPass& pass) const override {
    pass.kernels->activate(function_, pass.x, pass.rows * input().num_values(),
                           pass.y);
  }

  void Backward(const BackwardPass& pass) const override {
    if (pass.dx == nullptr) return;
    pass.kernels->activate_gradient(
        function_, function_ == Activation::kGelu ? pass.x : pass.y, pass.dy,
        pass.rows * input().num_values(), pass.dx);
  }

 private:
  const Activation function_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Layer>> MakeActivation(
    const ActivationSpec& spec, const Shape& input) {
  SHOAL_RETURN_IF_ERROR(CheckInput(InputKind::kAny, input));
  const auto make = [&](Activation function) {
    return std::make_unique<ActivationLayer>(input, function);
  };
  switch (spec.kind) {
    case ActivationKind::kRelu:
      return make(Activation::kRelu);
    case ActivationKind::kGelu:
      return make(Activation::kGelu);
    case ActivationKind::kTanh:
      return make(Activation::kTanh);
    case ActivationKind::kSigmoid:
      return make(Activation::kSigmoid);
    case ActivationKind::kNone:
      break;
  }
  return absl::InvalidArgumentError(
      "activation is none, expected relu, gelu, tanh or sigmoid");
}

}  // namespace shoal::learning
