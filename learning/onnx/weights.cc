#include "learning/onnx/weights.h"

#include <cmath>
#include <cstring>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learning/onnx/float16.h"
#include "learning/quantisation.h"

namespace shoal::learning::onnx {
namespace {

bool IsWeight(const TensorShape& tensor) { return tensor.dims.size() >= 2; }

template <typename Value>
std::string Bytes(absl::Span<const Value> values) {
  return std::string(reinterpret_cast<const char*>(values.data()),
                     values.size() * sizeof(Value));
}

// The tensors of a device's vector.
ParameterLayout DeviceLayout(const Model& model) {
  std::vector<TensorShape> tensors = model.layout().tensors();
  const std::vector<TensorShape>& own = model.private_layout().tensors();
  tensors.insert(tensors.end(), own.begin(), own.end());
  return ParameterLayout(std::move(tensors));
}

absl::Status CheckValues(const ParameterLayout& layout,
                         absl::Span<const float> values) {
  if (static_cast<int64_t>(values.size()) != layout.num_parameters()) {
    return absl::InvalidArgumentError(absl::StrCat("there are ", values.size(),
                                                   " values, expected ",
                                                   layout.num_parameters()));
  }
  for (size_t i = 0; i < layout.tensors().size(); ++i) {
    const TensorShape& tensor = layout.tensors()[i];
    for (float value : values.subspan(layout.offset(i), tensor.num_values())) {
      if (!std::isfinite(value)) {
        return absl::InvalidArgumentError(
            absl::StrCat("a value of ", tensor.name, " is not finite"));
      }
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> Float16Bytes(const TensorShape& tensor,
                                         absl::Span<const float> values) {
  std::vector<uint16_t> halves;
  halves.reserve(values.size());
  for (float value : values) {
    if (std::abs(value) > kMaxFloat16) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a weight of ", tensor.name, " is ", value,
          ", which float16 does not hold: expected at most ", kMaxFloat16));
    }
    halves.push_back(ToFloat16(value));
  }
  return Bytes<uint16_t>(halves);
}

}  // namespace

absl::StatusOr<std::vector<StoredTensor>> StoreWeights(
    const Model& model, absl::Span<const float> values, OnnxWeights weights) {
  const ParameterLayout layout = DeviceLayout(model);
  SHOAL_RETURN_IF_ERROR(CheckValues(layout, values));
  std::vector<QuantisedTensor> codes(layout.tensors().size());
  if (weights == OnnxWeights::kInt8) {
    SHOAL_ASSIGN_OR_RETURN(const QuantisedModel quantised,
                           QuantisedModel::Quantise(layout, values));
    codes = quantised.tensors();
  }
  std::vector<StoredTensor> stored;
  for (size_t i = 0; i < layout.tensors().size(); ++i) {
    const TensorShape& shape = layout.tensors()[i];
    const auto own = values.subspan(layout.offset(i), shape.num_values());
    StoredTensor& tensor = stored.emplace_back(
        StoredTensor{.name = shape.name, .dims = shape.dims, .data = {}});
    if (codes[i].is_quantised()) {
      tensor.type = DataType::kInt8;
      tensor.data = Bytes<int8_t>(codes[i].codes);
      tensor.steps = codes[i].steps;
    } else if (weights == OnnxWeights::kFloat16 && IsWeight(shape)) {
      tensor.type = DataType::kFloat16;
      SHOAL_ASSIGN_OR_RETURN(tensor.data, Float16Bytes(shape, own));
    } else {
      tensor.data = Bytes<float>(own);
    }
  }
  return stored;
}

ParameterVector WidenWeights(const std::vector<StoredTensor>& tensors) {
  ParameterVector values;
  for (const StoredTensor& tensor : tensors) {
    const char* const data = tensor.data.data();
    const size_t count = tensor.data.size() / ElementSize(tensor.type);
    for (size_t i = 0; i < count; ++i) {
      if (tensor.type == DataType::kInt8) {
        values.push_back(static_cast<int8_t>(data[i]) *
                         tensor.steps[i % tensor.steps.size()]);
      } else if (tensor.type == DataType::kFloat16) {
        uint16_t half;
        std::memcpy(&half, data + 2 * i, sizeof half);
        values.push_back(FromFloat16(half));
      } else {
        float value;
        std::memcpy(&value, data + 4 * i, sizeof value);
        values.push_back(value);
      }
    }
  }
  return values;
}

std::string Permute(const std::string& data, int64_t element_size,
                    const std::vector<int64_t>& dims,
                    const std::vector<int>& order) {
  SHOAL_CHECK(order.size() == dims.size());
  std::vector<int64_t> strides(dims.size(), element_size);
  for (size_t d = dims.size(); d-- > 1;) {
    strides[d - 1] = strides[d] * dims[d];
  }
  std::string result;
  result.reserve(data.size());
  std::vector<int64_t> at(dims.size(), 0);  // in the result's order
  int64_t from = 0;
  while (result.size() < data.size()) {
    result.append(data, from, element_size);
    for (size_t d = dims.size(); d-- > 0;) {
      const int axis = order[d];
      from += strides[axis];
      if (++at[d] < dims[axis]) break;
      from -= strides[axis] * dims[axis];
      at[d] = 0;
    }
  }
  return result;
}

std::vector<float> Permute(const std::vector<float>& values,
                           const std::vector<int64_t>& dims,
                           const std::vector<int>& order) {
  const std::string permuted =
      Permute(Bytes<float>(values), sizeof(float), dims, order);
  std::vector<float> result(values.size());
  if (!result.empty()) {
    std::memcpy(result.data(), permuted.data(), permuted.size());
  }
  return result;
}

}  // namespace shoal::learning::onnx
