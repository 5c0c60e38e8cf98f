#include "learning/onnx/constants.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "learning/onnx/attributes.h"
#include "learning/onnx/float16.h"

namespace shoal::learning::onnx {
namespace {

template <typename Element>
Element ElementAt(const Tensor& tensor, int64_t index) {
  Element element;
  std::memcpy(&element, tensor.data.data() + index * sizeof element,
              sizeof element);
  return element;
}

bool IsByte(DataType type) {
  return type == DataType::kInt8 || type == DataType::kUint8;
}

int CodeAt(const Tensor& tensor, int64_t index) {
  return tensor.type == DataType::kInt8 ? ElementAt<int8_t>(tensor, index)
                                        : ElementAt<uint8_t>(tensor, index);
}

// Of a layer's name, as model_spec.h wants it.
bool IsLayerName(absl::string_view name) {
  return !name.empty() && name.size() <= 63 &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
         });
}

}  // namespace

absl::Status Constants::Add(const std::string& name, const Constant& constant) {
  if (!constants_.emplace(name, constant).second) {
    return absl::InvalidArgumentError(
        absl::StrCat("two constants of the ONNX file are named '", name, "'"));
  }
  return absl::OkStatus();
}

absl::Status Constants::AddTensors(const File& file) {
  for (const Tensor& tensor : file.constants) {
    SHOAL_RETURN_IF_ERROR(Add(tensor.name, {.tensor = &tensor}));
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> Constants::AddResultOf(const Operation& operation) {
  if (operation.outputs.size() != 1) return false;
  const std::string& output = operation.outputs[0];
  if (operation.type == "Constant") {
    const Tensor* tensor = nullptr;
    if (operation.attributes.size() == 1) {
      tensor = std::get_if<Tensor>(&operation.attributes[0].value);
    }
    if (tensor == nullptr) {
      return Unsupported(operation, "holds no tensor, which is expected");
    }
    SHOAL_RETURN_IF_ERROR(Add(output, {.tensor = tensor}));
    return true;
  }
  if (operation.inputs.empty() || !Has(operation.inputs[0])) return false;
  if (operation.type == "Cast") {
    Attributes attributes(operation);
    const int64_t to = attributes.Int("to", 0);
    SHOAL_RETURN_IF_ERROR(attributes.Finish());
    if (to != static_cast<int64_t>(DataType::kFloat)) {
      return Unsupported(operation,
                         absl::StrCat("casts a constant to data type ", to,
                                      ", expected float"));
    }
    SHOAL_RETURN_IF_ERROR(
        Add(output, constants_.find(operation.inputs[0])->second));
    return true;
  }
  if (operation.type == "DequantizeLinear") {
    SHOAL_ASSIGN_OR_RETURN(const Constant constant, Dequantised(operation));
    SHOAL_RETURN_IF_ERROR(Add(output, constant));
    return true;
  }
  return false;
}

absl::StatusOr<Constants::Constant> Constants::Dequantised(
    const Operation& operation) const {
  Attributes attributes(operation);
  int64_t axis = attributes.Int("axis", 1);
  SHOAL_RETURN_IF_ERROR(attributes.Finish());
  SHOAL_ASSIGN_OR_RETURN(const Constant* codes, Find(operation, 0));
  SHOAL_ASSIGN_OR_RETURN(const Constant* steps, Find(operation, 1));
  Constant constant = {.tensor = codes->tensor, .steps = steps->tensor};
  if (operation.inputs.size() > 2 && !operation.inputs[2].empty()) {
    SHOAL_ASSIGN_OR_RETURN(const Constant* zeros, Find(operation, 2));
    constant.zeros = zeros->tensor;
  }
  const std::vector<int64_t>& dims = constant.tensor->dims;
  const int64_t rank = static_cast<int64_t>(dims.size());
  const int64_t channels = constant.steps->num_elements();
  if (axis < 0) axis += rank;
  const bool per_channel = axis >= 0 && axis < rank && channels == dims[axis];
  const bool fits = IsByte(constant.tensor->type) &&
                    constant.steps->type == DataType::kFloat &&
                    (per_channel || channels == 1) &&
                    (constant.zeros == nullptr ||
                     (constant.zeros->type == constant.tensor->type &&
                      constant.zeros->num_elements() == channels));
  if (!fits || codes->steps != nullptr) {
    return Unsupported(operation,
                       "expects an 8-bit tensor with one step, or one for "
                       "each channel of an axis");
  }
  constant.axis = channels == 1 ? 0 : axis;
  return constant;
}

absl::StatusOr<std::vector<float>> Constants::Widen(const Operation& operation,
                                                    const Constant& constant) {
  const Tensor& tensor = *constant.tensor;
  const int64_t size = tensor.num_elements();
  std::vector<float> values;
  values.reserve(size);
  if (constant.steps != nullptr) {
    const int64_t channels = constant.steps->num_elements();
    int64_t inner = 1;  // elements from one channel to the next
    for (size_t d = constant.axis + 1; d < tensor.dims.size(); ++d) {
      inner *= tensor.dims[d];
    }
    for (int64_t i = 0; i < size; ++i) {
      const int64_t channel = channels == 1 ? 0 : i / inner % channels;
      const int zero =
          constant.zeros == nullptr ? 0 : CodeAt(*constant.zeros, channel);
      values.push_back(static_cast<float>(CodeAt(tensor, i) - zero) *
                       ElementAt<float>(*constant.steps, channel));
    }
  } else if (tensor.type == DataType::kFloat) {
    values.resize(size);
    if (size > 0) {
      std::memcpy(values.data(), tensor.data.data(), tensor.data.size());
    }
  } else if (tensor.type == DataType::kFloat16) {
    for (int64_t i = 0; i < size; ++i) {
      values.push_back(FromFloat16(ElementAt<uint16_t>(tensor, i)));
    }
  } else {
    return Unsupported(operation, absl::StrCat("reads '", tensor.name,
                                               "', which holds integers: "
                                               "expected float or float16"));
  }
  for (float value : values) {
    if (!std::isfinite(value)) {
      return Inconsistent(operation,
                          absl::StrCat("reads '", tensor.name,
                                       "', a value of which is not finite"));
    }
  }
  return values;
}

absl::StatusOr<const Constants::Constant*> Constants::Find(
    const Operation& operation, size_t index) const {
  if (index >= operation.inputs.size() || operation.inputs[index].empty()) {
    return Inconsistent(operation, absl::StrCat("has no input ", index));
  }
  const std::string& name = operation.inputs[index];
  const auto it = constants_.find(name);
  if (it == constants_.end()) {
    return Unsupported(operation,
                       absl::StrCat("has '", name, "' as input ", index,
                                    ", expected a constant there"));
  }
  return &it->second;
}

absl::StatusOr<std::vector<int64_t>> Constants::Dims(const Operation& operation,
                                                     size_t index) const {
  SHOAL_ASSIGN_OR_RETURN(const Constant* constant, Find(operation, index));
  return constant->tensor->dims;
}

absl::StatusOr<std::vector<float>> Constants::TakeWeights(
    const Operation& operation, size_t index, int64_t expected) {
  SHOAL_ASSIGN_OR_RETURN(const Constant* constant, Find(operation, index));
  const Tensor& tensor = *constant->tensor;
  if (tensor.num_elements() != expected) {
    return Inconsistent(operation,
                        absl::StrCat("reads '", tensor.name, "' [",
                                     absl::StrJoin(tensor.dims, ", "),
                                     "], expected ", expected, " values"));
  }
  if (!taken_.insert(&tensor).second) {
    return Unsupported(operation, absl::StrCat("reads '", tensor.name,
                                               "', which another layer has: "
                                               "weights are not shared"));
  }
  return Widen(operation, *constant);
}

absl::StatusOr<float> Constants::Scalar(const Operation& operation,
                                        size_t index) const {
  SHOAL_ASSIGN_OR_RETURN(const Constant* constant, Find(operation, index));
  if (constant->tensor->num_elements() != 1) {
    return Unsupported(
        operation,
        absl::StrCat("has ", constant->tensor->num_elements(),
                     " values as input ", index, ", expected one number"));
  }
  SHOAL_ASSIGN_OR_RETURN(const std::vector<float> values,
                         Widen(operation, *constant));
  return values[0];
}

absl::StatusOr<std::vector<int64_t>> Constants::Ints(const Operation& operation,
                                                     size_t index) const {
  SHOAL_ASSIGN_OR_RETURN(const Constant* constant, Find(operation, index));
  const Tensor& tensor = *constant->tensor;
  if (tensor.type != DataType::kInt64 || tensor.num_elements() > 8) {
    return Unsupported(operation,
                       absl::StrCat("has '", tensor.name, "' as input ", index,
                                    ", expected up to 8 integers"));
  }
  std::vector<int64_t> values;
  for (int64_t i = 0; i < tensor.num_elements(); ++i) {
    values.push_back(ElementAt<int64_t>(tensor, i));
  }
  return values;
}

std::string Constants::LayerName(const Operation& operation,
                                 size_t index) const {
  const absl::StatusOr<const Constant*> constant = Find(operation, index);
  if (!constant.ok()) return "";
  const absl::string_view name = (*constant)->tensor->name;
  const size_t dot = name.rfind('.');
  if (dot == absl::string_view::npos) return "";
  const absl::string_view layer = name.substr(0, dot);
  return IsLayerName(layer) ? std::string(layer) : "";
}

}  // namespace shoal::learning::onnx
