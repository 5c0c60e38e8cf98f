#include "learning/dataset.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace shoal::learning {
namespace {

// Enough to reuse the weights in cache; small, because devices evaluate too.
constexpr int64_t kEvaluationBatch = 64;

}  // namespace

InMemoryDataset::InMemoryDataset(std::vector<float> features,
                                 std::vector<int32_t> labels, int num_features,
                                 int num_classes)
    : features_(std::move(features)),
      labels_(std::move(labels)),
      num_features_(num_features),
      num_classes_(num_classes) {
  SHOAL_CHECK(num_features_ >= 1);
  SHOAL_CHECK(features_.size() == labels_.size() * num_features_);
  for (int32_t label : labels_) {
    SHOAL_CHECK(label >= 0 && label < num_classes_);
  }
}

void InMemoryDataset::CopyFeatures(int64_t index, absl::Span<float> out) const {
  SHOAL_CHECK(static_cast<int>(out.size()) == num_features_);
  std::copy_n(features_.begin() + index * num_features_, num_features_,
              out.begin());
}

Score EvaluateDataset(Model& model, absl::Span<const float> parameters,
                      const Dataset& data) {
  const int64_t num_features = data.num_features();
  const int64_t largest = std::min(kEvaluationBatch, data.num_examples());
  std::vector<float> features(largest * num_features);
  std::vector<int32_t> labels(largest);
  Score total;
  for (int64_t start = 0; start < data.num_examples(); start += largest) {
    const int64_t size = std::min(largest, data.num_examples() - start);
    for (int64_t i = 0; i < size; ++i) {
      data.CopyFeatures(start + i, absl::MakeSpan(features).subspan(
                                       i * num_features, num_features));
      labels[i] = data.label(start + i);
    }
    const absl::Span<const float> used(features.data(), size * num_features);
    const Batch batch = {used, absl::MakeConstSpan(labels.data(), size)};
    total.Add(model.Evaluate(parameters, batch));
  }
  return total;
}

}  // namespace shoal::learning
