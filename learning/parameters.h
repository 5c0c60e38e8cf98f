// Flat parameter vectors with named shapes: the one form in which models are
// trained, sent, aggregated and stored.
#ifndef SHOAL_LEARNING_PARAMETERS_H_
#define SHOAL_LEARNING_PARAMETERS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "base/digest.h"

namespace shoal::learning {

// One tensor inside a flat vector, row-major.
struct TensorShape {
  std::string name;            // "dense1.weight"
  std::vector<int64_t> dims;   // each >= 1
  int64_t num_values() const;  // product of dims

  friend bool operator==(const TensorShape&, const TensorShape&) = default;
};

// The tensors of a model, in order, without gaps. A plain value type.
class ParameterLayout {
 public:
  ParameterLayout() = default;
  explicit ParameterLayout(std::vector<TensorShape> tensors);

  const std::vector<TensorShape>& tensors() const { return tensors_; }
  int64_t num_parameters() const { return num_parameters_; }
  // Where tensor `index` starts in the flat vector.
  int64_t offset(int index) const { return offsets_[index]; }
  // Names and shapes as bytes (docs/reference/formats.md): equal layouts, equal
  // bytes. A stored model begins with them.
  std::string Encode() const;
  // SHA-256 of Encode().
  Digest Fingerprint() const;

  friend bool operator==(const ParameterLayout&,
                         const ParameterLayout&) = default;

 private:
  std::vector<TensorShape> tensors_;
  std::vector<int64_t> offsets_;
  int64_t num_parameters_ = 0;
};

// What of `layout` is first not as `expected`: "tensor 3 is dense2.weight [4,
// 5], expected dense2.weight [4, 6]"; empty when nothing is.
std::string DifferenceOf(const ParameterLayout& layout,
                         const ParameterLayout& expected);

using ParameterVector = std::vector<float>;  // [num_parameters]

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_PARAMETERS_H_
