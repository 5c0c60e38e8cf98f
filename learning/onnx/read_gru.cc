// Gated recurrent units.
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/onnx/attributes.h"
#include "learning/onnx/read_operators.h"
#include "learning/onnx/weights.h"

namespace shoal::learning::onnx {
namespace {

absl::StatusOr<int64_t> ReadAttributes(const Operation& operation) {
  Attributes attributes(operation);
  const int64_t units = attributes.Int("hidden_size", 0);
  const int64_t linear_first = attributes.Int("linear_before_reset", 0);
  const int64_t layout = attributes.Int("layout", 0);
  const std::string direction = attributes.Text("direction", "forward");
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  if (linear_first != 1 || layout != 0 || direction != "forward") {
    return Unsupported(operation,
                       "is of another form: expected linear_before_reset 1, "
                       "layout 0 and direction forward");
  }
  if (units < 1 || units > kMaxLayerWidth) {
    return Inconsistent(operation, absl::StrCat("has hidden_size ", units));
  }
  return units;
}

// [1, 3 * units, columns] as [columns, 3 * units]
absl::StatusOr<std::vector<float>> ReadGates(Importer& importer,
                                             const Operation& operation,
                                             size_t index, int64_t units,
                                             int64_t columns) {
  SHOAL_ASSIGN_OR_RETURN(const std::vector<int64_t> dims,
                         importer.constants().Dims(operation, index));
  if (dims != std::vector<int64_t>{1, 3 * units, columns}) {
    return Inconsistent(
        operation, absl::StrCat("has an input ", index, " that is not [1, ",
                                3 * units, ", ", columns, "]"));
  }
  SHOAL_ASSIGN_OR_RETURN(
      const std::vector<float> values,
      importer.constants().TakeWeights(operation, index, 3 * units * columns));
  return Permute(values, dims, {2, 0, 1});
}

}  // namespace

absl::StatusOr<int> ReadGru(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  SHOAL_ASSIGN_OR_RETURN(const int64_t units, ReadAttributes(operation));
  for (size_t i = 4; i < operation.inputs.size(); ++i) {
    if (!operation.inputs[i].empty()) {
      return Unsupported(operation, "has lengths or a first state as input");
    }
  }
  SHOAL_ASSIGN_OR_RETURN(const Activation x,
                         importer.InputAs(Form::kTimeFirst, operation, 0));
  SHOAL_ASSIGN_OR_RETURN(
      std::vector<float> values,
      ReadGates(importer, operation, 1, units, x.shape.channels()));
  SHOAL_ASSIGN_OR_RETURN(const std::vector<float> recurrent,
                         ReadGates(importer, operation, 2, units, units));
  SHOAL_ASSIGN_OR_RETURN(
      const std::vector<float> biases,
      importer.constants().TakeWeights(operation, 3, 6 * units));
  values.insert(values.end(), recurrent.begin(), recurrent.end());
  values.insert(values.end(), biases.begin(), biases.end());
  // Output 0: all states [length, 1, batch, units]; 1: the last [1, batch,
  // units].
  std::vector<size_t> used;
  for (size_t i = 0; i < operation.outputs.size(); ++i) {
    if (!operation.outputs[i].empty() &&
        importer.Uses(operation.outputs[i]) > 0) {
      used.push_back(i);
    }
  }
  if (used.size() != 1 || used[0] > 1) {
    return Unsupported(operation, "expects that one of its outputs is used");
  }
  const bool sequences = used[0] == 0;
  LayerSpec spec = {
      GruSpec{.units = ToInt(units), .return_sequences = sequences},
      importer.constants().LayerName(operation, 1)};
  SHOAL_ASSIGN_OR_RETURN(
      Activation y,
      importer.AddLayer(operation, x, std::move(spec), std::move(values)));
  y.axes = sequences ? std::vector<int64_t>{1, -1, 0, 2}
                     : std::vector<int64_t>{-1, 0, 1};
  SHOAL_RETURN_IF_ERROR(
      importer.SetOutput(operation, operation.outputs[used[0]], std::move(y)));
  return 1;
}

}  // namespace shoal::learning::onnx
