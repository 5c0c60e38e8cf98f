// Labelled examples, read by index.
#ifndef SHOAL_LEARNING_DATASET_H_
#define SHOAL_LEARNING_DATASET_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "learning/model.h"

namespace shoal::learning {

// Thread-compatible; const methods may run on several threads at once.
class Dataset {
 public:
  virtual ~Dataset() = default;

  virtual int64_t num_examples() const = 0;
  virtual int num_features() const = 0;
  virtual int num_classes() const = 0;
  virtual int32_t label(int64_t index) const = 0;  // in [0, num_classes)
  // Writes the features of one example. REQUIRES: out.size() == num_features.
  virtual void CopyFeatures(int64_t index, absl::Span<float> out) const = 0;
};

// Examples in memory, row-major.
class InMemoryDataset final : public Dataset {
 public:
  // REQUIRES: features.size() == labels.size() * num_features; labels in
  // [0, num_classes).
  InMemoryDataset(std::vector<float> features, std::vector<int32_t> labels,
                  int num_features, int num_classes);

  int64_t num_examples() const override { return labels_.size(); }
  int num_features() const override { return num_features_; }
  int num_classes() const override { return num_classes_; }
  int32_t label(int64_t index) const override { return labels_[index]; }
  void CopyFeatures(int64_t index, absl::Span<float> out) const override;

 private:
  const std::vector<float> features_;
  const std::vector<int32_t> labels_;
  const int num_features_;
  const int num_classes_;
};

// The score of `parameters` over a whole data set.
Score EvaluateDataset(Model& model, absl::Span<const float> parameters,
                      const Dataset& data);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATASET_H_
