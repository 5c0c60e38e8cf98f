#include "learning/onnx/metadata.h"

#include "base/check.h"

namespace shoal::learning::onnx {
namespace {

constexpr absl::string_view kLossKey = "shoal.loss";
constexpr absl::string_view kTargetKey = "shoal.target";

constexpr std::pair<Loss, absl::string_view> kLosses[] = {
    {Loss::kSoftmaxCrossEntropy, "softmax_cross_entropy"},
    {Loss::kMeanSquaredError, "mean_squared_error"},
    {Loss::kBinaryCrossEntropy, "binary_cross_entropy"},
};

constexpr std::pair<Target, absl::string_view> kTargets[] = {
    {Target::kLabels, "labels"},
    {Target::kValues, "values"},
    {Target::kInput, "input"},
};

template <typename Kind, size_t size>
std::string NameOf(const std::pair<Kind, absl::string_view> (&table)[size],
                   Kind wanted) {
  for (const auto& [kind, name] : table) {
    if (kind == wanted) return std::string(name);
  }
  SHOAL_CHECK(false);
}

template <typename Kind, size_t size>
std::optional<Kind> Named(
    const std::pair<Kind, absl::string_view> (&table)[size],
    absl::string_view wanted) {
  for (const auto& [kind, name] : table) {
    if (name == wanted) return kind;
  }
  return std::nullopt;
}

}  // namespace

std::vector<std::pair<std::string, std::string>> MetadataOf(
    const Model& model) {
  return {{std::string(kLossKey), NameOf(kLosses, model.loss())},
          {std::string(kTargetKey), NameOf(kTargets, model.target())}};
}

TrainingMetadata ReadMetadata(
    const std::vector<std::pair<std::string, std::string>>& metadata) {
  TrainingMetadata training;
  for (const auto& [key, value] : metadata) {
    if (key == kLossKey) training.loss = Named(kLosses, value);
    if (key == kTargetKey) training.target = Named(kTargets, value);
  }
  return training;
}

}  // namespace shoal::learning::onnx
