// Examples that are gathered one by one, from other data.
#ifndef SHOAL_LEARNING_DATA_EXAMPLE_BUFFER_H_
#define SHOAL_LEARNING_DATA_EXAMPLE_BUFFER_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "learning/data/data_source.h"
#include "learning/dataset.h"

namespace shoal::learning {

// Thread-compatible.
class ExampleBuffer {
 public:
  explicit ExampleBuffer(const DataShape& shape) : shape_(shape) {}

  int64_t num_examples() const { return num_examples_; }

  // Copies example `index` of data of the same shape.
  void Append(const Dataset& data, int64_t index);
  // All of them.
  void Append(const Dataset& data);
  // Of an example, to be changed; valid until the next one is added.
  absl::Span<float> features(int64_t index);

  std::unique_ptr<Dataset> Bind() &&;

 private:
  const DataShape shape_;
  int64_t num_examples_ = 0;
  std::vector<float> features_;
  std::vector<int32_t> labels_;
  std::vector<float> targets_;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_EXAMPLE_BUFFER_H_
