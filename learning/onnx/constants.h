// The constants of a file: its weights, in whatever number format, and the
// small ones that operators take.
#ifndef SHOAL_LEARNING_ONNX_CONSTANTS_H_
#define SHOAL_LEARNING_ONNX_CONSTANTS_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "learning/onnx/file.h"

namespace shoal::learning::onnx {

// One thread. Errors name the operator; INVALID_ARGUMENT unless said otherwise.
class Constants {
 public:
  // Takes the file's tensors; it must outlive this.
  absl::Status AddTensors(const File& file);
  // True when all that the operator reads is constant, and it makes a constant
  // of that: Constant, Cast to float, DequantizeLinear. UNIMPLEMENTED when it
  // does so in a way that is not understood.
  absl::StatusOr<bool> AddResultOf(const Operation& operation);

  bool Has(absl::string_view name) const { return constants_.contains(name); }

  // All take input number `index` of the operator, and fail when it is not
  // constant.
  absl::StatusOr<std::vector<int64_t>> Dims(const Operation& operation,
                                            size_t index) const;
  // The elements as float32, finite and `expected` in number. A tensor is taken
  // once: no two layers share weights. Together the tensors that are taken thus
  // have no more elements than the file has bytes.
  absl::StatusOr<std::vector<float>> TakeWeights(const Operation& operation,
                                                 size_t index,
                                                 int64_t expected);
  absl::StatusOr<float> Scalar(const Operation& operation, size_t index) const;
  absl::StatusOr<std::vector<int64_t>> Ints(const Operation& operation,
                                            size_t index) const;
  // "conv1" of "conv1.weight"; empty when the tensor's name has another form.
  std::string LayerName(const Operation& operation, size_t index) const;

 private:
  // A tensor, perhaps widened by an operator.
  struct Constant {
    const Tensor* tensor = nullptr;
    const Tensor* steps = nullptr;  // of 8 bits: one, or [dims[axis]]
    const Tensor* zeros = nullptr;  // the codes of zero; null: 0
    int64_t axis = 0;
  };

  static absl::StatusOr<std::vector<float>> Widen(const Operation& operation,
                                                  const Constant& constant);
  absl::Status Add(const std::string& name, const Constant& constant);
  absl::StatusOr<const Constant*> Find(const Operation& operation,
                                       size_t index) const;
  absl::StatusOr<Constant> Dequantised(const Operation& operation) const;

  std::map<std::string, Constant, std::less<>> constants_;
  std::set<const Tensor*> taken_;
};

}  // namespace shoal::learning::onnx

#endif  // SHOAL_LEARNING_ONNX_CONSTANTS_H_
