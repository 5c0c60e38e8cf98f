#include "learning/onnx/read_operators.h"

#include "base/status_macros.h"
#include "learning/onnx/attributes.h"

namespace shoal::learning::onnx {
namespace {

struct KnownOperator {
  absl::string_view type;  // of the first, where it takes several
  OperatorReader read;
};

// Of one type those that take several come first.
constexpr KnownOperator kKnownOperators[] = {
    {"Add", ReadAdd},
    {"AveragePool", ReadPool},
    {"BatchNormalization", ReadBatchNorm},
    {"Cast", ReadCast},
    {"Conv", ReadConv},
    {"Div", ReadGelu},
    {"Dropout", ReadDropout},
    {"Flatten", ReadFlatten},
    {"GRU", ReadGru},
    {"Gather", ReadGather},
    {"Gemm", ReadGemm},
    {"GlobalAveragePool", ReadGlobalAveragePool},
    {"Identity", ReadIdentity},
    {"LayerNormalization", ReadLayerNorm},
    {"MatMul", ReadMatMul},
    {"MaxPool", ReadPool},
    {"Pad", ReadPad},
    {"ReduceMean", ReadLayerNormParts},
    {"ReduceMean", ReadReduceMean},
    {"Relu", ReadRelu},
    {"Reshape", ReadGroupNormParts},
    {"Reshape", ReadReshape},
    {"Sigmoid", ReadSigmoid},
    {"Softmax", ReadSoftmax},
    {"Squeeze", ReadSqueeze},
    {"Tanh", ReadTanh},
    {"Transpose", ReadTranspose},
};

}  // namespace

absl::StatusOr<int> ReadOperator(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  for (const KnownOperator& known : kKnownOperators) {
    if (known.type != operation.type) continue;
    SHOAL_ASSIGN_OR_RETURN(const int count, known.read(importer, at));
    if (count > 0) return count;
  }
  return Unsupported(operation, "is none that a layer of ours stands for");
}

std::optional<std::string> MatchPattern(
    Importer& importer, size_t at, absl::Span<const PatternOperator> pattern) {
  const std::vector<const Operation*>& operations = importer.operations();
  if (operations.size() - at < pattern.size()) return std::nullopt;
  std::optional<std::string> x;
  for (size_t i = 0; i < pattern.size(); ++i) {
    const Operation& operation = *operations[at + i];
    if (operation.type != pattern[i].type || operation.outputs.size() != 1 ||
        operation.inputs.size() != pattern[i].inputs.size()) {
      return std::nullopt;
    }
    for (size_t k = 0; k < operation.inputs.size(); ++k) {
      const std::string& name = operation.inputs[k];
      const int wanted = pattern[i].inputs[k];
      bool fits = false;
      if (wanted == kPatternConstant) {
        fits = importer.constants().Has(name);
      } else if (wanted == kPatternInput) {
        if (!x.has_value()) x = name;
        fits = name == *x && importer.IsActivation(name);
      } else {
        fits = name == operations[at + wanted]->outputs[0];
      }
      if (!fits) return std::nullopt;
    }
  }
  return x;
}

}  // namespace shoal::learning::onnx
