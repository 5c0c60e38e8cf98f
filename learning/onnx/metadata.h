// What a graph does not say about a model: the loss that it was trained with,
// and what the loss compares with. It travels in the file's metadata.
#ifndef SHOAL_LEARNING_ONNX_METADATA_H_
#define SHOAL_LEARNING_ONNX_METADATA_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "learning/model.h"

namespace shoal::learning::onnx {

// Keys of ours begin with it.
inline constexpr absl::string_view kMetadataPrefix = "shoal.";

std::vector<std::pair<std::string, std::string>> MetadataOf(const Model& model);

// What other writers leave out, and words that we do not know, are absent.
struct TrainingMetadata {
  std::optional<Loss> loss;
  std::optional<Target> target;
};

TrainingMetadata ReadMetadata(
    const std::vector<std::pair<std::string, std::string>>& metadata);

}  // namespace shoal::learning::onnx

#endif  // SHOAL_LEARNING_ONNX_METADATA_H_
