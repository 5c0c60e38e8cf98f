// Examples, read by index.
#ifndef SHOAL_LEARNING_DATASET_H_
#define SHOAL_LEARNING_DATASET_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learning/batch.h"
#include "learning/model.h"
#include "learning/predictor.h"

namespace shoal::learning {

// An example has features and either class labels (one, or one per position of
// a sequence) or target values, or neither when it is its own target.
// Thread-compatible; const methods may run on several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t num_examples() const = 0;
  virtual int num_features() const = 0;
  virtual int num_classes() const = 0;  // 0: no labels
  virtual int labels_per_example() const { return 1; }
  virtual int num_targets() const { return 0; }

  // The (first) label. REQUIRES: num_classes() > 0.
  virtual int32_t label(int64_t index) const = 0;  // in [0, num_classes)
  // Writes the features of one example. REQUIRES: out.size() == num_features.
  virtual void CopyFeatures(int64_t index, absl::Span<float> out) const = 0;
  // REQUIRES: out.size() == labels_per_example.
  virtual void CopyLabels(int64_t index, absl::Span<int32_t> out) const;
  // REQUIRES: out.size() == num_targets.
  virtual void CopyTargets(int64_t index, absl::Span<float> out) const;
};

// Examples in memory, row-major.
class InMemoryDataset final : public Dataset {
 public:
  // REQUIRES: features.size() == labels.size() * num_features; labels in
  // [0, num_classes).
  InMemoryDataset(std::vector<float> features, std::vector<int32_t> labels,
                  int num_features, int num_classes);
  // With target values [examples, num_targets] instead of labels.
  // REQUIRES: sizes match.
  static InMemoryDataset WithTargets(std::vector<float> features,
                                     std::vector<float> targets,
                                     int num_features, int num_targets);
  // Sequences with a label at every position: labels [examples, per_example].
  static InMemoryDataset WithSequences(std::vector<float> features,
                                       std::vector<int32_t> labels,
                                       int num_features, int per_example,
                                       int num_classes);

  int64_t num_examples() const override {
    return static_cast<int64_t>(features_.size()) / num_features_;
  }
  int num_features() const override { return num_features_; }
  int num_classes() const override { return num_classes_; }
  int labels_per_example() const override { return labels_per_example_; }
  int num_targets() const override { return num_targets_; }
  int32_t label(int64_t index) const override {
    return labels_[index * labels_per_example_];
  }
  void CopyFeatures(int64_t index, absl::Span<float> out) const override;
  void CopyLabels(int64_t index, absl::Span<int32_t> out) const override;
  void CopyTargets(int64_t index, absl::Span<float> out) const override;

 private:
  InMemoryDataset() = default;

  std::vector<float> features_;
  std::vector<int32_t> labels_;
  std::vector<float> targets_;
  int num_features_ = 0;
  int num_classes_ = 0;
  int labels_per_example_ = 1;
  int num_targets_ = 0;
};

// INVALID_ARGUMENT says why the model cannot learn from such data: number of
// features, classes, labels or targets.
absl::Status CheckFit(const Model& model, const Dataset& data);

// Of whole examples: INVALID_ARGUMENT when the model reads tokens and they hold
// what is none; when one is missing (NaN) and the model does not impute, or is
// infinite and the model does not clip. Training and evaluation would go on
// with nonsense.
absl::Status CheckFeatures(const Model& model,
                           absl::Span<const float> features);

// Copies the examples `indices` into buffers with room for them; the batch
// points there. INVALID_ARGUMENT for tokens that are none. REQUIRES: CheckFit.
absl::StatusOr<Batch> ReadBatch(const Model& model, const Dataset& data,
                                absl::Span<const int64_t> indices,
                                absl::Span<float> features,
                                absl::Span<int32_t> labels,
                                absl::Span<float> targets);

// The score of a device's vector, [model.num_values()], over a whole data set.
// INVALID_ARGUMENT as CheckFit and CheckFeatures.
absl::StatusOr<Score> EvaluateDataset(const Model& model,
                                      absl::Span<const float> parameters,
                                      const Dataset& data);
// The same over the examples `indices`, at most predictor.plan().rows() of
// them, within the predictor's memory. INVALID_ARGUMENT as CheckFeatures.
// REQUIRES: CheckFit.
absl::StatusOr<Score> EvaluateExamples(Predictor& predictor,
                                       absl::Span<const float> parameters,
                                       const Dataset& data,
                                       absl::Span<const int64_t> indices);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATASET_H_
