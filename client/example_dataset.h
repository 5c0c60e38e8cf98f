// An SDK user's ExampleSource as the Dataset that training reads.
#ifndef SHOAL_CLIENT_EXAMPLE_DATASET_H_
#define SHOAL_CLIENT_EXAMPLE_DATASET_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/include/shoal/client.h"
#include "learning/dataset.h"

namespace shoal::client {

class ExampleDataset final : public learning::Dataset {
 public:
  // `source` must outlive the data set.
  explicit ExampleDataset(const ExampleSource& source) : source_(source) {}

  int64_t num_examples() const override { return source_.num_examples(); }
  int num_features() const override { return source_.num_features(); }
  int num_classes() const override { return source_.num_classes(); }
  int labels_per_example() const override {
    return source_.labels_per_example();
  }
  int num_targets() const override { return source_.num_targets(); }
  int32_t label(int64_t index) const override { return source_.label(index); }
  void CopyFeatures(int64_t index, absl::Span<float> out) const override {
    source_.CopyFeatures(index, out);
  }
  void CopyLabels(int64_t index, absl::Span<int32_t> out) const override {
    source_.CopyLabels(index, out);
  }
  void CopyTargets(int64_t index, absl::Span<float> out) const override {
    source_.CopyTargets(index, out);
  }

 private:
  const ExampleSource& source_;
};

// INVALID_ARGUMENT when a size is impossible, a label out of range or a target
// not finite: training relies on it. Reads all labels and targets.
absl::Status CheckDataset(const learning::Dataset& data);

// As shoal::EncodeFeatureStatistics, of any data set.
absl::StatusOr<std::string> EncodeStatistics(const learning::Dataset& data);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_EXAMPLE_DATASET_H_
