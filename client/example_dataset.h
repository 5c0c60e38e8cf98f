// An SDK user's ExampleSource as the Dataset that training reads.
#ifndef SHOAL_CLIENT_EXAMPLE_DATASET_H_
#define SHOAL_CLIENT_EXAMPLE_DATASET_H_

#include "absl/status/status.h"
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
  int32_t label(int64_t index) const override { return source_.label(index); }
  void CopyFeatures(int64_t index, absl::Span<float> out) const override {
    source_.CopyFeatures(index, out);
  }

 private:
  const ExampleSource& source_;
};

// INVALID_ARGUMENT when a size is negative or a label out of range: training
// relies on both. Reads all labels.
absl::Status CheckDataset(const learning::Dataset& data);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_EXAMPLE_DATASET_H_
