#include "learning/parameters.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/bytes.h"

namespace shoal::learning {
namespace {

std::string TensorText(const ParameterLayout& layout, size_t index) {
  if (index == layout.tensors().size()) return "the end";
  const TensorShape& tensor = layout.tensors()[index];
  return absl::StrCat(tensor.name, " [", absl::StrJoin(tensor.dims, ", "), "]");
}

}  // namespace

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

std::string DifferenceOf(const ParameterLayout& layout,
                         const ParameterLayout& expected) {
  if (layout == expected) return "";
  const auto first =
      std::mismatch(layout.tensors().begin(), layout.tensors().end(),
                    expected.tensors().begin(), expected.tensors().end());
  const size_t index = first.first - layout.tensors().begin();
  return absl::StrCat("tensor ", index + 1, " is ", TensorText(layout, index),
                      ", expected ", TensorText(expected, index));
}

}  // namespace shoal::learning
