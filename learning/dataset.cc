#include "learning/dataset.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace shoal::learning {
namespace {

// Enough to reuse the weights in cache; small, because devices evaluate too.
constexpr int64_t kEvaluationBatch = 64;

// The largest token number plus one; 0 where the model takes any numbers.
int64_t TokenLimit(const Model& model) {
  for (const Node& node : model.nodes()) {
    if (node.input == 0 && node.layer != nullptr) {
      return node.layer->token_limit();
    }
  }
  return 0;
}

// Whole numbers below the token limit, where the model has one.
absl::Status CheckTokens(const Model& model, absl::Span<const float> features) {
  const int64_t limit = TokenLimit(model);
  if (limit == 0) return absl::OkStatus();
  for (const float token : features) {
    if (token >= 0 && token < static_cast<float>(limit) &&
        token == std::floor(token)) {
      continue;
    }
    return absl::InvalidArgumentError(
        absl::StrCat("a token is ", token,
                     ", expected a whole number from 0 to ", limit - 1));
  }
  return absl::OkStatus();
}

// In a form that compilers vectorise: the exponent of NaN and infinity has all
// bits.
bool AllFinite(absl::Span<const float> values) {
  constexpr uint32_t kExponent = 0x7f800000;
  uint32_t not_finite = 0;
  for (const float value : values) {
    not_finite |= (std::bit_cast<uint32_t>(value) & kExponent) == kExponent;
  }
  return not_finite == 0;
}

absl::Status Unfit(absl::string_view what, int64_t data, const Model& model,
                   int64_t expected) {
  return absl::InvalidArgumentError(
      absl::StrCat("the data have ", data, " ", what, ", model ",
                   model.spec().ToString(), " wants ", expected));
}

}  // namespace

void Dataset::CopyLabels(int64_t index, absl::Span<int32_t> out) const {
  SHOAL_CHECK(out.size() == 1);
  out[0] = label(index);
}

void Dataset::CopyTargets(int64_t, absl::Span<float> out) const {
  SHOAL_CHECK(out.empty());
}

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

InMemoryDataset InMemoryDataset::WithTargets(std::vector<float> features,
                                             std::vector<float> targets,
                                             int num_features,
                                             int num_targets) {
  SHOAL_CHECK(num_features >= 1 && num_targets >= 1);
  SHOAL_CHECK(features.size() * num_targets == targets.size() * num_features);
  InMemoryDataset data;
  data.features_ = std::move(features);
  data.targets_ = std::move(targets);
  data.num_features_ = num_features;
  data.num_targets_ = num_targets;
  data.labels_per_example_ = 0;
  return data;
}

InMemoryDataset InMemoryDataset::WithSequences(std::vector<float> features,
                                               std::vector<int32_t> labels,
                                               int num_features,
                                               int per_example,
                                               int num_classes) {
  SHOAL_CHECK(num_features >= 1 && per_example >= 1);
  SHOAL_CHECK(features.size() * per_example == labels.size() * num_features);
  for (int32_t label : labels) SHOAL_CHECK(label >= 0 && label < num_classes);
  InMemoryDataset data;
  data.features_ = std::move(features);
  data.labels_ = std::move(labels);
  data.num_features_ = num_features;
  data.num_classes_ = num_classes;
  data.labels_per_example_ = per_example;
  return data;
}

void InMemoryDataset::CopyFeatures(int64_t index, absl::Span<float> out) const {
  SHOAL_CHECK(static_cast<int>(out.size()) == num_features_);
  std::copy_n(features_.begin() + index * num_features_, num_features_,
              out.begin());
}

void InMemoryDataset::CopyLabels(int64_t index, absl::Span<int32_t> out) const {
  SHOAL_CHECK(static_cast<int>(out.size()) == labels_per_example_);
  std::copy_n(labels_.begin() + index * labels_per_example_,
              labels_per_example_, out.begin());
}

void InMemoryDataset::CopyTargets(int64_t index, absl::Span<float> out) const {
  SHOAL_CHECK(static_cast<int>(out.size()) == num_targets_);
  std::copy_n(targets_.begin() + index * num_targets_, num_targets_,
              out.begin());
}

absl::Status CheckFit(const Model& model, const Dataset& data) {
  SHOAL_RETURN_IF_ERROR(model.CheckComputable());
  if (data.num_features() != model.input().num_values()) {
    return Unfit("features", data.num_features(), model,
                 model.input().num_values());
  }
  if (model.target() == Target::kValues &&
      data.num_targets() != model.targets_per_example()) {
    return Unfit("target values per example", data.num_targets(), model,
                 model.targets_per_example());
  }
  if (model.target() != Target::kLabels) return absl::OkStatus();
  const int64_t classes =
      model.loss() == Loss::kBinaryCrossEntropy ? 2 : model.output().channels();
  if (data.num_classes() != classes) {
    return Unfit("classes", data.num_classes(), model, classes);
  }
  if (data.labels_per_example() != model.labels_per_example()) {
    return Unfit("labels per example", data.labels_per_example(), model,
                 model.labels_per_example());
  }
  return absl::OkStatus();
}

absl::Status CheckFeatures(const Model& model,
                           absl::Span<const float> features) {
  SHOAL_RETURN_IF_ERROR(CheckTokens(model, features));
  if (AllFinite(features)) return absl::OkStatus();
  const PreprocessingSpec& preprocessing = model.spec().preprocessing;
  for (const float value : features) {
    if (std::isnan(value) && !preprocessing.impute) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a feature is missing (NaN), and model ", model.spec().ToString(),
          " does not impute (preprocessing.impute)"));
    }
    if (std::isinf(value) && !(preprocessing.clip > 0)) {
      return absl::InvalidArgumentError(absl::StrCat(
          "a feature is infinite, and model ", model.spec().ToString(),
          " does not clip (preprocessing.clip)"));
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Batch> ReadBatch(const Model& model, const Dataset& data,
                                absl::Span<const int64_t> indices,
                                absl::Span<float> features,
                                absl::Span<int32_t> labels,
                                absl::Span<float> targets) {
  const size_t num_features = data.num_features();
  const size_t num_labels = model.labels_per_example();
  const size_t num_targets = model.targets_per_example();
  for (size_t i = 0; i < indices.size(); ++i) {
    data.CopyFeatures(indices[i],
                      features.subspan(i * num_features, num_features));
    if (num_labels > 0) {
      data.CopyLabels(indices[i], labels.subspan(i * num_labels, num_labels));
    }
    if (num_targets > 0) {
      data.CopyTargets(indices[i],
                       targets.subspan(i * num_targets, num_targets));
    }
  }
  Batch batch;
  batch.features = features.first(indices.size() * num_features);
  batch.labels = labels.first(indices.size() * num_labels);
  batch.targets = targets.first(indices.size() * num_targets);
  SHOAL_RETURN_IF_ERROR(CheckTokens(model, batch.features));
  return batch;
}

absl::StatusOr<Score> EvaluateDataset(const Model& model,
                                      absl::Span<const float> parameters,
                                      const Dataset& data) {
  SHOAL_RETURN_IF_ERROR(CheckFit(model, data));
  const int64_t largest =
      std::clamp<int64_t>(data.num_examples(), 1, kEvaluationBatch);
  OwnedPredictor predictor(model, largest);
  std::vector<int64_t> indices(largest);
  Score total;
  for (int64_t start = 0; start < data.num_examples(); start += largest) {
    const int64_t size = std::min(largest, data.num_examples() - start);
    std::iota(indices.begin(), indices.end(), start);
    SHOAL_ASSIGN_OR_RETURN(
        const Score score,
        EvaluateExamples(*predictor, parameters, data,
                         absl::MakeConstSpan(indices.data(), size)));
    total.Add(score);
  }
  return total;
}

absl::StatusOr<Score> EvaluateExamples(Predictor& predictor,
                                       absl::Span<const float> parameters,
                                       const Dataset& data,
                                       absl::Span<const int64_t> indices) {
  SHOAL_ASSIGN_OR_RETURN(
      const Batch batch,
      ReadBatch(predictor.model(), data, indices, predictor.features(),
                predictor.labels(), predictor.targets()));
  SHOAL_RETURN_IF_ERROR(CheckFeatures(predictor.model(), batch.features));
  return predictor.Evaluate(parameters, batch);
}

}  // namespace shoal::learning
