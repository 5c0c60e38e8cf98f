// Writes models as ONNX files, which other programs run: onnxruntime, browsers,
// converters for accelerators.
//
//   SHOAL_ASSIGN_OR_RETURN(std::string bytes,
//                          WriteOnnx(*model, values, {.opset = 13}));
#ifndef SHOAL_LEARNING_ONNX_WRITE_ONNX_H_
#define SHOAL_LEARNING_ONNX_WRITE_ONNX_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learning/model.h"
#include "learning/parameters.h"

namespace shoal::learning {

inline constexpr int kMinOnnxOpset = 13;
inline constexpr int kMaxOnnxOpset = 17;

// How weights (tensors of two dimensions and more) are stored. The runtime
// widens them when it loads the file; it computes in float32.
enum class OnnxWeights {
  kFloat32,  // as they are
  kFloat16,  // half the bytes; relative error up to 2^-11
  // A quarter of the bytes: whole multiples of a step per output channel
  // (learning/quantisation.h); error up to max |w| / 254 of the channel.
  kInt8,
};

struct OnnxOptions {
  int opset = kMaxOnnxOpset;
  OnnxWeights weights = OnnxWeights::kFloat32;
  std::string name = "model";  // of the graph
  std::string description = {};
  // Keys and values; keys differ and do not begin with "shoal.".
  std::vector<std::pair<std::string, std::string>> metadata = {};
  friend bool operator==(const OnnxOptions&, const OnnxOptions&) = default;
};

// A file of ir version 8. Input "input": float [batch, …model.input()], in our
// order of dimensions, for any batch. Output "output": what Predictor::Predict
// gives, float [batch, …model.output()]. Preprocessing is part of the graph.
// The same arguments give the same bytes.
//
// `values` is a device's vector, [model.num_values()].
// INVALID_ARGUMENT when it is not, a value is not finite or does not fit the
// number format, an option is out of range, or the file would not be smaller
// than 2 GiB, which is as much as ONNX allows.
absl::StatusOr<std::string> WriteOnnx(const Model& model,
                                      absl::Span<const float> values,
                                      const OnnxOptions& options = {});

// The values that a file with such weights holds: predict with them to see
// what the narrower numbers cost. Errors as above.
absl::StatusOr<ParameterVector> ValuesInOnnx(const Model& model,
                                             absl::Span<const float> values,
                                             OnnxWeights weights);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_ONNX_WRITE_ONNX_H_
