// A device's values in the number formats of a file.
#ifndef SHOAL_LEARNING_ONNX_WEIGHTS_H_
#define SHOAL_LEARNING_ONNX_WEIGHTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learning/model.h"
#include "learning/onnx/file.h"
#include "learning/onnx/write_onnx.h"
#include "learning/parameters.h"

namespace shoal::learning::onnx {

// One tensor of the model, in our order of dimensions.
struct StoredTensor {
  std::string name;  // "dense1.weight"
  DataType type = DataType::kFloat;
  std::vector<int64_t> dims;
  std::string data;
  std::vector<float> steps = {};  // of int8: [last dimension]
};

// All tensors of the model, those that travel and those that stay on the
// device, in the order of its vector. Those of two dimensions and more are
// narrowed; the others lose nothing. INVALID_ARGUMENT when `values` is not
// [model.num_values()], a value is not finite, or a weight is larger than
// float16 holds.
absl::StatusOr<std::vector<StoredTensor>> StoreWeights(
    const Model& model, absl::Span<const float> values, OnnxWeights weights);

// What readers of the file compute with.
ParameterVector WidenWeights(const std::vector<StoredTensor>& tensors);

// A tensor's elements with its dimensions in another order: result[i_p0, i_p1,
// …] = data[i_0, i_1, …] with p = `order`. REQUIRES: `order` is a permutation,
// `data` has as many elements as `dims` say.
std::string Permute(const std::string& data, int64_t element_size,
                    const std::vector<int64_t>& dims,
                    const std::vector<int>& order);
std::vector<float> Permute(const std::vector<float>& values,
                           const std::vector<int64_t>& dims,
                           const std::vector<int>& order);

}  // namespace shoal::learning::onnx

#endif  // SHOAL_LEARNING_ONNX_WEIGHTS_H_
