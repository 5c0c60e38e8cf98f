// Matrix products, sums and embeddings.
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/onnx/attributes.h"
#include "learning/onnx/read_operators.h"
#include "learning/onnx/weights.h"

namespace shoal::learning::onnx {
namespace {

// The matrix that input 1 is, as [inputs, units], and its number of columns.
struct Matrix {
  std::vector<float> values;
  int64_t units = 0;
};

absl::StatusOr<Matrix> ReadMatrix(Importer& importer,
                                  const Operation& operation,
                                  const Activation& x, bool transposed) {
  SHOAL_ASSIGN_OR_RETURN(std::vector<int64_t> dims,
                         importer.constants().Dims(operation, 1));
  if (dims.size() != 2) {
    return Unsupported(operation, absl::StrCat("has weights of ", dims.size(),
                                               " dimensions, expected 2"));
  }
  if (transposed) std::swap(dims[0], dims[1]);
  const int64_t inputs = x.shape.channels();
  if (dims[0] != inputs) {
    return Inconsistent(operation,
                        absl::StrCat("has weights for ", dims[0],
                                     " inputs, its input has ", inputs));
  }
  Matrix matrix = {.values = {}, .units = dims[1]};
  SHOAL_ASSIGN_OR_RETURN(matrix.values, importer.constants().TakeWeights(
                                            operation, 1, dims[0] * dims[1]));
  if (transposed) {
    matrix.values = Permute(matrix.values, {dims[1], dims[0]}, {1, 0});
  }
  if (x.flattened_from.rank() > 0) {
    // Rows are channels first; ours are channels last.
    const int64_t channels = x.flattened_from.channels();
    matrix.values = Permute(
        matrix.values, {channels, inputs / channels, matrix.units}, {1, 0, 2});
  }
  return matrix;
}

// The input of a matrix product: flattened values may have either order.
absl::StatusOr<Activation> ProductInput(Importer& importer,
                                        const Operation& operation) {
  SHOAL_ASSIGN_OR_RETURN(const Activation x, importer.Input(operation, 0));
  if (x.flattened_from.rank() > 0) return x;
  return importer.InputAs(Form::kChannelsLast, operation, 0);
}

absl::StatusOr<int> ReadBias(Importer& importer, const Operation& operation,
                             int activation, int constant) {
  SHOAL_ASSIGN_OR_RETURN(Activation x, importer.InputAs(Form::kChannelsLast,
                                                        operation, activation));
  LayerSpec* const layer =
      importer.SoleLayer(x, operation.inputs[activation], 1);
  DenseSpec* const dense =
      layer == nullptr ? nullptr : std::get_if<DenseSpec>(&layer->kind);
  if (dense == nullptr || dense->bias ||
      dense->activation != ActivationKind::kNone) {
    return Unsupported(operation,
                       "adds a constant to something else than a product "
                       "without a bias");
  }
  SHOAL_ASSIGN_OR_RETURN(
      const std::vector<float> bias,
      importer.constants().TakeWeights(operation, constant, dense->units));
  dense->bias = true;
  importer.layers().AppendValues(x.step, bias);
  SHOAL_RETURN_IF_ERROR(importer.SetOutput(operation, std::move(x)));
  return 1;
}

}  // namespace

absl::StatusOr<int> ReadGemm(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  Attributes attributes(operation);
  const float alpha = attributes.Float("alpha", 1);
  const float beta = attributes.Float("beta", 1);
  const int64_t transposes_input = attributes.Int("transA", 0);
  const bool transposed = attributes.Int("transB", 0) != 0;
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  if (alpha != 1 || beta != 1 || transposes_input != 0) {
    return Unsupported(operation,
                       "has alpha, beta or transA other than 1, 1, 0");
  }
  SHOAL_ASSIGN_OR_RETURN(const Activation x, ProductInput(importer, operation));
  if (x.shape.rank() != 1) {
    return Inconsistent(operation, "takes no vectors, which are expected");
  }
  SHOAL_ASSIGN_OR_RETURN(Matrix matrix,
                         ReadMatrix(importer, operation, x, transposed));
  const bool bias = operation.inputs.size() > 2;
  if (bias) {
    SHOAL_ASSIGN_OR_RETURN(
        const std::vector<float> values,
        importer.constants().TakeWeights(operation, 2, matrix.units));
    matrix.values.insert(matrix.values.end(), values.begin(), values.end());
  }
  LayerSpec spec = {DenseSpec{.units = ToInt(matrix.units), .bias = bias},
                    importer.constants().LayerName(operation, 1)};
  SHOAL_ASSIGN_OR_RETURN(Activation y,
                         importer.AddLayer(operation, x, std::move(spec),
                                           std::move(matrix.values)));
  SHOAL_RETURN_IF_ERROR(importer.SetOutput(operation, std::move(y)));
  return 1;
}

absl::StatusOr<int> ReadMatMul(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  SHOAL_ASSIGN_OR_RETURN(const Activation x, ProductInput(importer, operation));
  SHOAL_ASSIGN_OR_RETURN(Matrix matrix,
                         ReadMatrix(importer, operation, x, false));
  LayerSpec spec = {DenseSpec{.units = ToInt(matrix.units), .bias = false},
                    importer.constants().LayerName(operation, 1)};
  SHOAL_ASSIGN_OR_RETURN(Activation y,
                         importer.AddLayer(operation, x, std::move(spec),
                                           std::move(matrix.values)));
  SHOAL_RETURN_IF_ERROR(importer.SetOutput(operation, std::move(y)));
  return 1;
}

// A bias, or the end of a residual block.
absl::StatusOr<int> ReadAdd(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  if (operation.inputs.size() != 2) {
    return Inconsistent(operation, "has other than two inputs");
  }
  for (int constant : {0, 1}) {
    if (importer.constants().Has(operation.inputs[constant])) {
      return ReadBias(importer, operation, 1 - constant, constant);
    }
  }
  SHOAL_ASSIGN_OR_RETURN(const Activation a, importer.Input(operation, 0));
  SHOAL_ASSIGN_OR_RETURN(const Activation b, importer.Input(operation, 1));
  if (a.shape != b.shape || a.axes != b.axes ||
      a.flattened_from != b.flattened_from) {
    return Unsupported(
        operation,
        absl::StrCat("adds values of different shapes or orders of "
                     "dimensions, ",
                     a.shape.ToString(), " and ", b.shape.ToString()));
  }
  const absl::StatusOr<int> step =
      importer.layers().AddResidual(a.step, b.step);
  if (!step.ok()) return Unsupported(operation, step.status().message());
  Activation sum = a;
  sum.step = *step;
  sum.sole = true;
  SHOAL_RETURN_IF_ERROR(importer.SetOutput(operation, std::move(sum)));
  return 1;
}

// An embedding: rows of a table, by token numbers.
absl::StatusOr<int> ReadGather(Importer& importer, size_t at) {
  const Operation& operation = *importer.operations()[at];
  Attributes attributes(operation);
  const int64_t axis = attributes.Int("axis", 0);
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  SHOAL_ASSIGN_OR_RETURN(const std::vector<int64_t> dims,
                         importer.constants().Dims(operation, 0));
  SHOAL_ASSIGN_OR_RETURN(const Activation tokens,
                         importer.TokenInput(operation, 1));
  if (axis != 0 || dims.size() != 2 || !tokens.tokens ||
      !tokens.Has(Form::kChannelsLast)) {
    return Unsupported(operation,
                       "expects rows of a matrix by integers of the input");
  }
  SHOAL_ASSIGN_OR_RETURN(
      std::vector<float> values,
      importer.constants().TakeWeights(operation, 0, dims[0] * dims[1]));
  LayerSpec spec = {
      EmbeddingSpec{.vocabulary = ToInt(dims[0]), .dimensions = ToInt(dims[1])},
      importer.constants().LayerName(operation, 0)};
  SHOAL_ASSIGN_OR_RETURN(
      Activation y,
      importer.AddLayer(operation, tokens, std::move(spec), std::move(values)));
  SHOAL_RETURN_IF_ERROR(importer.SetOutput(operation, std::move(y)));
  return 1;
}

}  // namespace shoal::learning::onnx
