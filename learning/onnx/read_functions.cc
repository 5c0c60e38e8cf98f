// Functions of every value, and what does nothing in prediction.
#include <array>
#include <cmath>
#include <numbers>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/onnx/attributes.h"
#include "learning/onnx/read_operators.h"

namespace shoal::learning::onnx {
namespace {

// The activation that a layer has room for; null where it has none.
ActivationKind* RoomFor(LayerSpec& layer) {
  return std::visit(
      [](auto& kind) -> ActivationKind* {
        if constexpr (requires { kind.activation; }) {
          return &kind.activation;
        } else {
          return nullptr;
        }
      },
      layer.kind);
}

// f(x), in any order of dimensions. `uses` is how often f's operators read x;
// `last` is the operator that gives f(x).
absl::Status AddActivation(Importer& importer, const Operation& first,
                           const Operation& last, ActivationKind kind,
                           int uses) {
  SHOAL_ASSIGN_OR_RETURN(Activation x, importer.Input(first, 0));
  LayerSpec* const layer = importer.SoleLayer(x, first.inputs[0], uses);
  ActivationKind* const own = layer == nullptr ? nullptr : RoomFor(*layer);
  if (own != nullptr && *own == ActivationKind::kNone) {
    *own = kind;
    return importer.SetOutput(last, std::move(x));
  }
  SHOAL_ASSIGN_OR_RETURN(
      const Activation y,
      importer.AddLayer(first, x, {ActivationSpec{kind}}, {}));
  x.step = y.step;
  x.sole = true;
  return importer.SetOutput(last, std::move(x));
}

absl::StatusOr<int> ReadFunction(Importer& importer, size_t at,
                                 ActivationKind kind) {
  const Operation& operation = *importer.operations()[at];
  SHOAL_RETURN_IF_ERROR(Attributes(operation).Finish());
  SHOAL_RETURN_IF_ERROR(AddActivation(importer, operation, operation, kind, 1));
  return 1;
}

// The output of the model: `x` as it is, behind the function that predictions
// are made with.
absl::StatusOr<int> EndWith(Importer& importer, const Operation& operation,
                            Loss loss) {
  SHOAL_ASSIGN_OR_RETURN(Activation x,
                         importer.InputAs(Form::kChannelsLast, operation, 0));
  x.is_prediction = true;
  importer.set_loss(loss);
  SHOAL_RETURN_IF_ERROR(importer.SetOutput(operation, std::move(x)));
  return 1;
}

}  // namespace

absl::StatusOr<int> ReadRelu(Importer& importer, size_t at) {
  return ReadFunction(importer, at, ActivationKind::kRelu);
}

absl::StatusOr<int> ReadTanh(Importer& importer, size_t at) {
  return ReadFunction(importer, at, ActivationKind::kTanh);
}

absl::StatusOr<int> ReadSigmoid(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  if (operation.outputs.size() == 1 &&
      importer.IsOutput(operation.outputs[0]) &&
      importer.metadata().loss != Loss::kMeanSquaredError) {
    SHOAL_RETURN_IF_ERROR(Attributes(operation).Finish());
    return EndWith(importer, operation, Loss::kBinaryCrossEntropy);
  }
  return ReadFunction(importer, at, ActivationKind::kSigmoid);
}

absl::StatusOr<int> ReadSoftmax(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  Attributes attributes(operation);
  const int64_t axis = attributes.Int("axis", -1);
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  SHOAL_ASSIGN_OR_RETURN(const Activation x, importer.Input(operation, 0));
  if (axis != -1 && axis + 1 != static_cast<int64_t>(x.axes.size())) {
    return Unsupported(operation, absl::StrCat("is along axis ", axis,
                                               ", expected the last one"));
  }
  if (operation.outputs.size() != 1 ||
      !importer.IsOutput(operation.outputs[0])) {
    return Unsupported(operation, "is not the end of the graph");
  }
  return EndWith(importer, operation, Loss::kSoftmaxCrossEntropy);
}

// x (1 + erf(x / sqrt 2)) / 2, as it is written for opsets that do not have it.
absl::StatusOr<int> ReadGelu(Importer& importer, size_t at) {
  constexpr int X = kPatternInput;
  constexpr int C = kPatternConstant;
  static const auto& pattern =
      *new std::array<PatternOperator, 5>{{{"Div", {X, C}},
                                           {"Erf", {0}},
                                           {"Add", {1, C}},
                                           {"Mul", {X, 2}},
                                           {"Mul", {3, C}}}};
  if (!MatchPattern(importer, at, pattern).has_value()) return 0;
  const auto& operations = importer.operations();
  const Operation& first = *operations[at];
  const Operation& last = *operations[at + 4];
  SHOAL_ASSIGN_OR_RETURN(const float divisor,
                         importer.constants().Scalar(first, 1));
  SHOAL_ASSIGN_OR_RETURN(const float one,
                         importer.constants().Scalar(*operations[at + 2], 1));
  SHOAL_ASSIGN_OR_RETURN(const float half,
                         importer.constants().Scalar(last, 1));
  const float expected = std::numbers::sqrt2_v<float>;
  if (std::abs(divisor - expected) > 1e-5f || one != 1 || half != 0.5f) {
    return Unsupported(first, "begins what is almost GELU, with other numbers");
  }
  SHOAL_RETURN_IF_ERROR(
      AddActivation(importer, first, last, ActivationKind::kGelu, 2));
  return 5;
}

absl::StatusOr<int> ReadDropout(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  Attributes attributes(operation);
  attributes.Int("seed", 0);
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  float rate = 0.5;
  if (operation.inputs.size() > 1 && !operation.inputs[1].empty()) {
    SHOAL_ASSIGN_OR_RETURN(rate, importer.constants().Scalar(operation, 1));
  }
  SHOAL_ASSIGN_OR_RETURN(Activation x, importer.Input(operation, 0));
  SHOAL_ASSIGN_OR_RETURN(
      const Activation y,
      importer.AddLayer(operation, x, {DropoutSpec{.rate = ToDouble(rate)}},
                        {}));
  x.step = y.step;
  x.sole = true;
  SHOAL_RETURN_IF_ERROR(importer.SetOutput(operation, std::move(x)));
  return 1;
}

absl::StatusOr<int> ReadIdentity(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  SHOAL_ASSIGN_OR_RETURN(const Activation x, importer.TokenInput(operation, 0));
  SHOAL_RETURN_IF_ERROR(
      importer.SetOutput(operation, importer.Renamed(x, operation.inputs[0])));
  return 1;
}

// Of token numbers, for Gather.
absl::StatusOr<int> ReadCast(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  Attributes attributes(operation);
  const int64_t to = attributes.Int("to", 0);
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  SHOAL_ASSIGN_OR_RETURN(Activation x, importer.TokenInput(operation, 0));
  if (operation.inputs[0] != importer.input_name() ||
      (to != static_cast<int64_t>(DataType::kInt64) &&
       to != static_cast<int64_t>(DataType::kInt32))) {
    return Unsupported(operation,
                       "expects to cast the input to int64 or int32");
  }
  x.tokens = true;
  SHOAL_RETURN_IF_ERROR(importer.SetOutput(operation, std::move(x)));
  return 1;
}

}  // namespace shoal::learning::onnx
