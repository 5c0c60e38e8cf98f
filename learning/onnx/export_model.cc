#include "learning/onnx/export_model.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/pruning.h"
#include "learning/quantisation.h"

namespace shoal::learning {
namespace {

constexpr int kFloat16Bytes = 2;

// Of a device's vector: the tensors that travel, then those that do not.
ParameterLayout LayoutOfDevice(const Model& model) {
  std::vector<TensorShape> tensors = model.layout().tensors();
  const std::vector<TensorShape>& own = model.private_layout().tensors();
  tensors.insert(tensors.end(), own.begin(), own.end());
  return ParameterLayout(std::move(tensors));
}

// `narrowed`: `values` as the file holds them.
absl::StatusOr<StoredSize> SizeInFile(const ParameterLayout& layout,
                                      absl::Span<const float> values,
                                      absl::Span<const float> narrowed,
                                      OnnxWeights weights) {
  if (weights != OnnxWeights::kInt8) {
    const bool half = weights == OnnxWeights::kFloat16;
    return SizeOf(layout, narrowed, half ? kFloat16Bytes : sizeof(float));
  }
  SHOAL_ASSIGN_OR_RETURN(const QuantisedModel quantised,
                         QuantisedModel::Quantise(layout, values));
  return SizeOf(quantised);
}

}  // namespace

OnnxOptions DescribeVersion(const std::string& task, const ModelSpec& spec,
                            const Digest& digest,
                            std::optional<int64_t> version) {
  OnnxOptions options;
  options.name = task;
  options.description = spec.ToString();
  options.metadata = {{"task", task}, {"digest", digest.ToHex()}};
  if (version.has_value()) {
    options.metadata.push_back({"version", absl::StrCat(*version)});
  }
  return options;
}

absl::StatusOr<ExportedModel> ExportModel(const Model& model,
                                          absl::Span<const float> values,
                                          const ExportOptions& options) {
  SHOAL_RETURN_IF_ERROR(model.CheckComputable());
  const ParameterLayout layout = LayoutOfDevice(model);
  SHOAL_ASSIGN_OR_RETURN(
      const PrunedModel pruned,
      PruneByMagnitude(layout, values, options.pruned_fraction));
  ExportedModel exported;
  SHOAL_ASSIGN_OR_RETURN(exported.file,
                         WriteOnnx(model, pruned.parameters, options.onnx));
  SHOAL_ASSIGN_OR_RETURN(exported.after, ValuesInOnnx(model, pruned.parameters,
                                                      options.onnx.weights));
  SHOAL_ASSIGN_OR_RETURN(exported.size_after,
                         SizeInFile(layout, pruned.parameters, exported.after,
                                    options.onnx.weights));
  exported.before.assign(values.begin(), values.end());
  exported.size_before = SizeOf(layout, values);
  return exported;
}

}  // namespace shoal::learning
