#include "learning/parameters.h"

#include <utility>

#include "base/bytes.h"

namespace shoal::learning {

int64_t TensorShape::num_values() const {
  int64_t product = 1;
  for (int64_t dim : dims) product *= dim;
  return product;
}

ParameterLayout::ParameterLayout(std::vector<TensorShape> tensors)
    : tensors_(std::move(tensors)) {
  offsets_.reserve(tensors_.size());
  for (const TensorShape& tensor : tensors_) {
    offsets_.push_back(num_parameters_);
    num_parameters_ += tensor.num_values();
  }
}

std::string ParameterLayout::Encode() const {
  std::string bytes;
  AppendU32(bytes, static_cast<uint32_t>(tensors_.size()));
  for (const TensorShape& tensor : tensors_) {
    AppendSized(bytes, tensor.name);
    AppendU32(bytes, static_cast<uint32_t>(tensor.dims.size()));
    for (int64_t dim : tensor.dims) {
      AppendU64(bytes, static_cast<uint64_t>(dim));
    }
  }
  return bytes;
}

Digest ParameterLayout::Fingerprint() const { return Sha256(Encode()); }

}  // namespace shoal::learning
