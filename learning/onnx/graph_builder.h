// Puts a graph together, operator by operator.
#ifndef SHOAL_LEARNING_ONNX_GRAPH_BUILDER_H_
#define SHOAL_LEARNING_ONNX_GRAPH_BUILDER_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "learning/onnx/file.h"
#include "learning/onnx/form.h"
#include "learning/onnx/weights.h"
#include "learning/shape.h"

namespace shoal::learning::onnx {

// One thread. Names of operators begin with the layer that they belong to.
class GraphBuilder {
 public:
  explicit GraphBuilder(int opset) : opset_(opset) {}

  int opset() const { return opset_; }
  // Operators added from here on belong to the layer `name`.
  void EnterLayer(absl::string_view name) { layer_ = std::string(name); }

  // Adds an operator with one output; returns the output's name.
  std::string Add(absl::string_view type, std::vector<std::string> inputs,
                  std::vector<Attribute> attributes = {});
  // With several, of which only number `output` is wanted.
  std::string AddForOutput(int output, absl::string_view type,
                           std::vector<std::string> inputs,
                           std::vector<Attribute> attributes);

  // Constants of the layer; all return the constant's name.
  std::string Scalar(absl::string_view what, float value);
  std::string Ints(absl::string_view what, const std::vector<int64_t>& values);
  std::string Floats(absl::string_view what, const std::vector<float>& values);
  // A tensor of the model as float values with dimensions `dims`, its own ones
  // in `order` (and perhaps split by ones). `channel_axis` is that of its last
  // own dimension. Narrow types are widened in the graph.
  std::string Weight(const StoredTensor& tensor, const std::vector<int>& order,
                     std::vector<int64_t> dims, int channel_axis);
  // The same as it lies.
  std::string Weight(const StoredTensor& tensor);

  // Says where value `value` of the model, of shape `shape`, is in the graph.
  void SetValue(int value, const Shape& shape, Form form, std::string name);
  const Shape& shape(int value) const { return values_.at(value).shape; }
  // The name of the value in that form: where it is not there yet, one
  // transposition or reshaping is added. REQUIRES: the form exists for the
  // value's rank.
  std::string Get(int value, Form form);
  // The form that it was set in.
  Form form(int value) const { return values_.at(value).form; }

  // Renames the output of an operator everywhere.
  void Rename(const std::string& from, const std::string& to);

  std::vector<Operation> TakeOperations() { return std::move(operations_); }
  std::vector<Tensor> TakeConstants() { return std::move(constants_); }

 private:
  struct PlacedValue {
    Shape shape;
    Form form = Form::kChannelsLast;
    std::map<Form, std::string> names;
  };

  std::string NewName(absl::string_view what);
  std::string Constant(absl::string_view name, DataType type,
                       std::vector<int64_t> dims, std::string data);

  const int opset_;
  std::string layer_;
  std::set<std::string, std::less<>> names_;
  std::map<int, PlacedValue> values_;
  std::vector<Operation> operations_;
  std::vector<Tensor> constants_;
};

}  // namespace shoal::learning::onnx

#endif  // SHOAL_LEARNING_ONNX_GRAPH_BUILDER_H_
