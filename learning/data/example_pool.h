// The examples of one source before they fall onto devices.
#ifndef SHOAL_LEARNING_DATA_EXAMPLE_POOL_H_
#define SHOAL_LEARNING_DATA_EXAMPLE_POOL_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/check.h"
#include "learning/data/data_source.h"
#include "learning/dataset.h"

namespace shoal::learning {

// Training examples by number, and held-out ones. Holds what partitions need;
// the examples stay where they are until they are asked for. Thread-safe.
class ExamplePool {
 public:
  virtual ~ExamplePool() = default;

  virtual const DataShape& shape() const = 0;
  virtual int64_t num_examples() const = 0;  // to train on
  // The group of every training example, in [0, num_groups()), of which a
  // Dirichlet partition gives each device its own mix: its class or, where it
  // has a target value, the tenth of all values that this falls into. Empty
  // when there is nothing of the kind.
  virtual absl::Span<const int32_t> groups() const = 0;
  virtual int num_groups() const { return shape().num_classes; }
  // The natural device of every training example, in
  // [0, shape().natural_devices); empty when there are none. Where nature is
  // the default all the same, consecutive examples belong together.
  virtual absl::Span<const int32_t> owners() const = 0;

  // The training examples with these numbers, which ascend, each once.
  // DATA_LOSS or NOT_FOUND names the file that cannot be read.
  virtual absl::StatusOr<std::unique_ptr<Dataset>> Load(
      absl::Span<const int64_t> examples) const = 0;
  virtual absl::StatusOr<std::unique_ptr<Dataset>> LoadTest() const = 0;

  // The natural device of every held-out example, by the numbers of owners();
  // -1: none of them. Empty when they are held out for nobody in particular.
  virtual absl::Span<const int32_t> test_owners() const { return {}; }
  // The held-out examples with these numbers, which ascend, each once.
  // REQUIRES: test_owners() is not empty.
  virtual absl::StatusOr<std::unique_ptr<Dataset>> LoadHeldOut(
      absl::Span<const int64_t> /*examples*/) const {
    SHOAL_CHECK(false);
  }
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_EXAMPLE_POOL_H_
