#include "learning/onnx/graph_builder.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"

namespace shoal::learning::onnx {
namespace {

template <typename Value>
std::string Bytes(const std::vector<Value>& values) {
  return std::string(reinterpret_cast<const char*>(values.data()),
                     values.size() * sizeof(Value));
}

}  // namespace

std::string GraphBuilder::NewName(absl::string_view what) {
  const std::string name = absl::StrCat(layer_, "/", what);
  std::string unique = name;
  for (int n = 2; !names_.insert(unique).second; ++n) {
    unique = absl::StrCat(name, n);
  }
  return unique;
}

std::string GraphBuilder::Add(absl::string_view type,
                              std::vector<std::string> inputs,
                              std::vector<Attribute> attributes) {
  return AddForOutput(0, type, std::move(inputs), std::move(attributes));
}

std::string GraphBuilder::AddForOutput(int output, absl::string_view type,
                                       std::vector<std::string> inputs,
                                       std::vector<Attribute> attributes) {
  const std::string name = NewName(type);
  Operation operation;
  operation.name = name;
  operation.type = std::string(type);
  operation.inputs = std::move(inputs);
  operation.outputs.resize(output + 1);
  operation.outputs[output] = name;
  operation.attributes = std::move(attributes);
  operations_.push_back(std::move(operation));
  return name;
}

std::string GraphBuilder::Constant(absl::string_view name, DataType type,
                                   std::vector<int64_t> dims,
                                   std::string data) {
  constants_.push_back(
      {std::string(name), type, std::move(dims), std::move(data)});
  return constants_.back().name;
}

std::string GraphBuilder::Scalar(absl::string_view what, float value) {
  return Constant(NewName(what), DataType::kFloat, {},
                  Bytes(std::vector<float>{value}));
}

std::string GraphBuilder::Ints(absl::string_view what,
                               const std::vector<int64_t>& values) {
  return Constant(NewName(what), DataType::kInt64,
                  {static_cast<int64_t>(values.size())}, Bytes(values));
}

std::string GraphBuilder::Floats(absl::string_view what,
                                 const std::vector<float>& values) {
  return Constant(NewName(what), DataType::kFloat,
                  {static_cast<int64_t>(values.size())}, Bytes(values));
}

std::string GraphBuilder::Weight(const StoredTensor& tensor,
                                 const std::vector<int>& order,
                                 std::vector<int64_t> dims, int channel_axis) {
  const std::string name = Constant(
      tensor.name, tensor.type, std::move(dims),
      Permute(tensor.data, ElementSize(tensor.type), tensor.dims, order));
  if (tensor.type == DataType::kFloat16) {
    return Add("Cast", {name},
               {{"to", static_cast<int64_t>(DataType::kFloat)}});
  }
  if (tensor.type == DataType::kInt8) {
    const std::string steps = Constant(
        absl::StrCat(tensor.name, ".step"), DataType::kFloat,
        {static_cast<int64_t>(tensor.steps.size())}, Bytes(tensor.steps));
    const std::string zeros =
        Constant(absl::StrCat(tensor.name, ".zero"), DataType::kInt8,
                 {static_cast<int64_t>(tensor.steps.size())},
                 std::string(tensor.steps.size(), '\0'));
    return Add("DequantizeLinear", {name, steps, zeros},
               {{"axis", int64_t{channel_axis}}});
  }
  return name;
}

std::string GraphBuilder::Weight(const StoredTensor& tensor) {
  std::vector<int> order(tensor.dims.size());
  std::iota(order.begin(), order.end(), 0);
  return Weight(tensor, order, tensor.dims,
                static_cast<int>(tensor.dims.size()) - 1);
}

void GraphBuilder::SetValue(int value, const Shape& shape, Form form,
                            std::string name) {
  // A vector has one form.
  const Form placed = shape.rank() == 1 ? Form::kChannelsLast : form;
  values_[value] = {shape, placed, {{placed, std::move(name)}}};
}

std::string GraphBuilder::Get(int value, Form form) {
  PlacedValue& placed = values_.at(value);
  const int rank = placed.shape.rank();
  if (rank == 1) return placed.names.at(Form::kChannelsLast);
  if (const auto it = placed.names.find(form); it != placed.names.end()) {
    return it->second;
  }
  std::string name;
  if (form == Form::kFlat) {
    name = Add("Flatten", {Get(value, Form::kChannelsLast)},
               {{"axis", int64_t{1}}});
  } else {
    SHOAL_CHECK(form != Form::kTimeFirst || rank == 2);
    const std::vector<int64_t> from = AxesOf(placed.form, rank);
    std::vector<int64_t> order;
    for (int64_t axis : AxesOf(form, rank)) {
      order.push_back(std::find(from.begin(), from.end(), axis) - from.begin());
    }
    name = Add("Transpose", {placed.names.at(placed.form)},
               {{"perm", std::move(order)}});
  }
  placed.names[form] = name;
  return name;
}

void GraphBuilder::Rename(const std::string& from, const std::string& to) {
  for (Operation& operation : operations_) {
    std::replace(operation.inputs.begin(), operation.inputs.end(), from, to);
    std::replace(operation.outputs.begin(), operation.outputs.end(), from, to);
  }
}

}  // namespace shoal::learning::onnx
