#include "learning/onnx/write_onnx.h"

#include <map>
#include <set>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "learning/onnx/file.h"
#include "learning/onnx/graph_builder.h"
#include "learning/onnx/metadata.h"
#include "learning/onnx/weights.h"
#include "learning/onnx/write_layer.h"

namespace shoal::learning {
namespace {

using onnx::Form;
using onnx::GraphBuilder;
using onnx::StoredTensor;

constexpr int64_t kIrVersion = 8;
constexpr int64_t kMaxFileSize = (int64_t{1} << 31) - 1;

absl::Status CheckOptions(const OnnxOptions& options) {
  if (options.opset < kMinOnnxOpset || options.opset > kMaxOnnxOpset) {
    return absl::InvalidArgumentError(absl::StrCat("opset is ", options.opset,
                                                   ", expected ", kMinOnnxOpset,
                                                   " to ", kMaxOnnxOpset));
  }
  if (options.name.empty()) {
    return absl::InvalidArgumentError("name is empty, expected one");
  }
  std::set<absl::string_view> keys;
  for (const auto& [key, value] : options.metadata) {
    if (key.empty() || absl::StartsWith(key, onnx::kMetadataPrefix)) {
      return absl::InvalidArgumentError(
          absl::StrCat("metadata key '", key,
                       "': expected one that does not "
                       "begin with '",
                       onnx::kMetadataPrefix, "'"));
    }
    if (!keys.insert(key).second) {
      return absl::InvalidArgumentError(
          absl::StrCat("metadata key '", key, "' is given twice"));
    }
  }
  return absl::OkStatus();
}

onnx::Value BatchOf(absl::string_view name, const Shape& shape) {
  onnx::Value value;
  value.name = std::string(name);
  value.dims.push_back({0, "batch"});
  for (int64_t dim : shape.dims()) value.dims.push_back({dim, ""});
  return value;
}

// The tensors of each layer, which lie in the device's vector in another order
// than the nodes.
std::map<int64_t, size_t> IndexByOffset(
    const std::vector<StoredTensor>& tensors) {
  std::map<int64_t, size_t> index;
  int64_t offset = 0;
  for (size_t i = 0; i < tensors.size(); ++i) {
    index[offset] = i;
    int64_t size = 1;
    for (int64_t dim : tensors[i].dims) size *= dim;
    offset += size;
  }
  return index;
}

void WriteNodes(const Model& model, const std::vector<StoredTensor>& tensors,
                GraphBuilder& graph) {
  const std::map<int64_t, size_t> index = IndexByOffset(tensors);
  graph.SetValue(0, model.input(), Form::kChannelsLast, "input");
  for (const Node& node : model.nodes()) {
    graph.EnterLayer(node.name);
    if (node.layer == nullptr) {
      onnx::WriteAddition(node, graph);
      continue;
    }
    absl::Span<const StoredTensor> own;
    if (const size_t count = node.layer->tensors().size(); count > 0) {
      own = absl::MakeConstSpan(tensors).subspan(
          index.at(node.parameter_offset), count);
    }
    onnx::WriteLayer({node, own, graph}, model.spec().preprocessing);
  }
}

// What predictions are made of outputs; the result is "output".
void WritePrediction(const Model& model, GraphBuilder& graph) {
  graph.EnterLayer("prediction");
  const int last = model.nodes().back().output;
  const bool flattened = graph.shape(last) != model.output();
  std::string y =
      graph.Get(last, flattened ? Form::kFlat : Form::kChannelsLast);
  if (model.loss() == Loss::kSoftmaxCrossEntropy) {
    y = graph.Add("Softmax", {y}, {{"axis", int64_t{-1}}});
  } else if (model.loss() == Loss::kBinaryCrossEntropy) {
    y = graph.Add("Sigmoid", {y});
  }
  graph.Rename(y, "output");
}

}  // namespace

absl::StatusOr<std::string> WriteOnnx(const Model& model,
                                      absl::Span<const float> values,
                                      const OnnxOptions& options) {
  SHOAL_RETURN_IF_ERROR(CheckOptions(options));
  SHOAL_ASSIGN_OR_RETURN(const std::vector<StoredTensor> tensors,
                         onnx::StoreWeights(model, values, options.weights));
  GraphBuilder graph(options.opset);
  WriteNodes(model, tensors, graph);
  WritePrediction(model, graph);
  onnx::File file = {.ir_version = kIrVersion,
                     .opset = options.opset,
                     .producer = "shoal",
                     .producer_version = Version(),
                     .name = options.name,
                     .description = options.description,
                     .metadata = onnx::MetadataOf(model),
                     .operations = graph.TakeOperations(),
                     .constants = graph.TakeConstants(),
                     .inputs = {BatchOf("input", model.input())},
                     .outputs = {BatchOf("output", model.output())}};
  file.metadata.insert(file.metadata.end(), options.metadata.begin(),
                       options.metadata.end());
  const int64_t size = onnx::EncodedSizeBound(file);
  if (size > kMaxFileSize) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the file would have up to ", size, " bytes, expected at most ",
        kMaxFileSize, ", the largest that ONNX allows"));
  }
  return onnx::Encode(file);
}

absl::StatusOr<ParameterVector> ValuesInOnnx(const Model& model,
                                             absl::Span<const float> values,
                                             OnnxWeights weights) {
  SHOAL_ASSIGN_OR_RETURN(const std::vector<StoredTensor> tensors,
                         onnx::StoreWeights(model, values, weights));
  return onnx::WidenWeights(tensors);
}

}  // namespace shoal::learning
