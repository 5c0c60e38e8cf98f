// The operators that are understood, one function each. A reader looks at the
// operators from number `at` on and returns how many it has read: 0 when they
// are not what it knows.
#ifndef SHOAL_LEARNING_ONNX_READ_OPERATORS_H_
#define SHOAL_LEARNING_ONNX_READ_OPERATORS_H_

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "learning/onnx/importer.h"

namespace shoal::learning::onnx {

using OperatorReader = absl::StatusOr<int> (*)(Importer&, size_t at);

// Reads what stands at `at`: UNIMPLEMENTED, with its name, when no reader knows
// it.
absl::StatusOr<int> ReadOperator(Importer& importer, size_t at);

// The steps before the first layer, which stand at the beginning.
absl::StatusOr<int> ReadPreprocessing(Importer& importer);

// Several operators in a row that stand for one layer.
struct PatternOperator {
  absl::string_view type;
  // Each is the output of an earlier operator of the pattern, or one of:
  std::vector<int> inputs;
};
inline constexpr int kPatternInput = -1;  // the layer's input
inline constexpr int kPatternConstant = -2;

// The name of the layer's input when the operators from `at` on are those of
// the pattern, connected like them.
std::optional<std::string> MatchPattern(
    Importer& importer, size_t at, absl::Span<const PatternOperator> pattern);

// read_dense.cc
absl::StatusOr<int> ReadGemm(Importer& importer, size_t at);
absl::StatusOr<int> ReadMatMul(Importer& importer, size_t at);
absl::StatusOr<int> ReadAdd(Importer& importer, size_t at);
absl::StatusOr<int> ReadGather(Importer& importer, size_t at);

// read_functions.cc
absl::StatusOr<int> ReadRelu(Importer& importer, size_t at);
absl::StatusOr<int> ReadTanh(Importer& importer, size_t at);
absl::StatusOr<int> ReadSigmoid(Importer& importer, size_t at);
absl::StatusOr<int> ReadGelu(Importer& importer, size_t at);
absl::StatusOr<int> ReadSoftmax(Importer& importer, size_t at);
absl::StatusOr<int> ReadDropout(Importer& importer, size_t at);
absl::StatusOr<int> ReadIdentity(Importer& importer, size_t at);
absl::StatusOr<int> ReadCast(Importer& importer, size_t at);

// read_windows.cc
absl::StatusOr<int> ReadConv(Importer& importer, size_t at);
absl::StatusOr<int> ReadPool(Importer& importer, size_t at);
absl::StatusOr<int> ReadGlobalAveragePool(Importer& importer, size_t at);
absl::StatusOr<int> ReadReduceMean(Importer& importer, size_t at);

// read_norms.cc
absl::StatusOr<int> ReadBatchNorm(Importer& importer, size_t at);
absl::StatusOr<int> ReadLayerNorm(Importer& importer, size_t at);
absl::StatusOr<int> ReadLayerNormParts(Importer& importer, size_t at);
absl::StatusOr<int> ReadGroupNormParts(Importer& importer, size_t at);

// read_shapes.cc
absl::StatusOr<int> ReadTranspose(Importer& importer, size_t at);
absl::StatusOr<int> ReadFlatten(Importer& importer, size_t at);
absl::StatusOr<int> ReadReshape(Importer& importer, size_t at);
absl::StatusOr<int> ReadPad(Importer& importer, size_t at);
absl::StatusOr<int> ReadSqueeze(Importer& importer, size_t at);

// read_gru.cc
absl::StatusOr<int> ReadGru(Importer& importer, size_t at);

}  // namespace shoal::learning::onnx

#endif  // SHOAL_LEARNING_ONNX_READ_OPERATORS_H_
