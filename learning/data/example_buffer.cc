#include "learning/data/example_buffer.h"

#include <utility>

#include "base/check.h"

namespace shoal::learning {

void ExampleBuffer::Append(const Dataset& data, int64_t index) {
  SHOAL_CHECK(data.num_features() == shape_.num_features);
  ++num_examples_;
  features_.resize(num_examples_ * shape_.num_features);
  data.CopyFeatures(index, features(num_examples_ - 1));
  if (shape_.num_classes > 0) {
    labels_.resize(num_examples_ * shape_.labels_per_example);
    data.CopyLabels(index,
                    absl::MakeSpan(labels_).last(shape_.labels_per_example));
  }
  if (shape_.num_targets > 0) {
    targets_.resize(num_examples_ * shape_.num_targets);
    data.CopyTargets(index, absl::MakeSpan(targets_).last(shape_.num_targets));
  }
}

void ExampleBuffer::Append(const Dataset& data) {
  for (int64_t i = 0; i < data.num_examples(); ++i) Append(data, i);
}

absl::Span<float> ExampleBuffer::features(int64_t index) {
  return absl::MakeSpan(features_).subspan(index * shape_.num_features,
                                           shape_.num_features);
}

std::unique_ptr<Dataset> ExampleBuffer::Bind() && {
  if (shape_.num_targets > 0) {
    return std::make_unique<InMemoryDataset>(
        InMemoryDataset::WithTargets(std::move(features_), std::move(targets_),
                                     shape_.num_features, shape_.num_targets));
  }
  if (shape_.labels_per_example > 1) {
    return std::make_unique<InMemoryDataset>(InMemoryDataset::WithSequences(
        std::move(features_), std::move(labels_), shape_.num_features,
        shape_.labels_per_example, shape_.num_classes));
  }
  return std::make_unique<InMemoryDataset>(
      std::move(features_), std::move(labels_), shape_.num_features,
      shape_.num_classes);
}

}  // namespace shoal::learning
