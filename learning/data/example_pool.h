// The examples of one source before they fall onto devices.
#ifndef SHOAL_LEARNING_DATA_EXAMPLE_POOL_H_
#define SHOAL_LEARNING_DATA_EXAMPLE_POOL_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learning/data/data_source.h"
#include "learning/dataset.h"

namespace shoal::learning {

// Training examples by number, and held-out ones. Holds labels and owners;
// features stay where they are until they are asked for. Thread-safe.
class ExamplePool {
 public:
  virtual ~ExamplePool() = default;

  virtual const DataShape& shape() const = 0;
  // Of the training examples, in [0, shape().num_classes).
  virtual absl::Span<const int32_t> labels() const = 0;
  // The natural device of every training example, in
  // [0, shape().natural_devices); empty when there are none.
  virtual absl::Span<const int32_t> owners() const = 0;

  // The training examples with these numbers, which ascend, each once.
  // DATA_LOSS or NOT_FOUND names the file that cannot be read.
  virtual absl::StatusOr<std::unique_ptr<Dataset>> Load(
      absl::Span<const int64_t> examples) const = 0;
  virtual absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const = 0;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_EXAMPLE_POOL_H_
