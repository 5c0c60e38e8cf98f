// Weighted sums of updates in fixed point: integers, so that the sum does not
// depend on the order of arrival, on threads, replicas or retries.
//
// An update value x with weight w becomes round(x * w * scale), a power-of-two
// scale chosen so that max_updates * norm_bound * max_weight * scale < 2^62:
// no sum of accepted updates can overflow. Rounding costs at most 1/2 per
// update and coordinate, so a mean over n updates with total weight W differs
// from the exact one by at most n / (2 * scale * W) plus the final rounding to
// double.
#ifndef SHOAL_AGGREGATION_ACCUMULATOR_H_
#define SHOAL_AGGREGATION_ACCUMULATOR_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/thread_pool.h"
#include "learning/update_codec.h"

namespace shoal::aggregation {

// What bounds the sum; part of every serialised partial sum.
struct FixedPointRange {
  double norm_bound = 0;    // > 0: L2 of every update
  int64_t max_weight = 0;   // >= 1: of every update
  int64_t max_updates = 0;  // >= 1: in one round

  // The power of two described above.
  double Scale() const;
  friend bool operator==(const FixedPointRange&,
                         const FixedPointRange&) = default;
};

// One update that has passed ValidateUpdate.
struct WeightedUpdate {
  absl::Span<const float> delta;  // [num_parameters]
  int64_t weight = 0;             // [1, max_weight]
  learning::UpdateReport report;
};

// The totals beside the vector, all integers.
struct SumTotals {
  int64_t num_updates = 0;
  int64_t weight = 0;
  int64_t num_examples = 0;
  int64_t base_num_correct = 0;
  int64_t base_loss_micro = 0;  // sum of round(1e6 * base_loss_sum)
  friend bool operator==(const SumTotals&, const SumTotals&) = default;
};

// A partial sum. Thread-compatible.
class Accumulator {
 public:
  // REQUIRES: range valid, num_parameters >= 1.
  Accumulator(const FixedPointRange& range, int64_t num_parameters);

  // Adds a batch, in cache-sized blocks; over the threads of `pool` when there
  // is one (its threads must not be waiting for this call). The result is the
  // same for any pool and any grouping into batches.
  void Add(absl::Span<const WeightedUpdate> updates, ThreadPool* pool);
  // FAILED_PRECONDITION when ranges or sizes differ, or when the sum would
  // hold more than max_updates.
  absl::Status Merge(const Accumulator& other);

  const FixedPointRange& range() const { return range_; }
  const SumTotals& totals() const { return totals_; }
  absl::Span<const int64_t> sums() const { return sums_; }

  // Writes the weighted mean, [num_parameters]. REQUIRES: totals().weight > 0.
  void Mean(absl::Span<double> out) const;

  // A segment's bytes; docs/reference/formats.md.
  std::string Serialize() const;
  // DATA_LOSS when malformed.
  static absl::StatusOr<Accumulator> Parse(absl::string_view bytes);

 private:
  FixedPointRange range_;
  SumTotals totals_;
  std::vector<int64_t> sums_;  // [num_parameters]
};

}  // namespace shoal::aggregation

#endif  // SHOAL_AGGREGATION_ACCUMULATOR_H_
