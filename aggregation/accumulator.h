// Weighted sums of updates in fixed point: integers, so that the sum does not
// depend on the order of arrival, on threads, replicas or retries.
//
// An update value x with weight w becomes round(x * w * scale), ties to even,
// with a power-of-two scale chosen so that
// max_updates * norm_bound * max_weight * scale < 2^62: no sum of accepted
// updates can overflow. For weights up to 2^29 the product x * w * scale is
// exact in double, so that rounding costs at most 1/2 per update and
// coordinate: a mean over n updates with total weight W differs from the exact
// one by at most n / (2 * scale * W), and by a relative 2^-52 from the two
// roundings of the mean itself to double. (Larger weights add a relative 2^-53
// per update.)
#ifndef SHOAL_AGGREGATION_ACCUMULATOR_H_
#define SHOAL_AGGREGATION_ACCUMULATOR_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/thread_pool.h"
#include "learning/sub_model.h"
#include "learning/update_codec.h"

namespace shoal::aggregation {

// What bounds the sum; part of every serialised partial sum.
struct FixedPointRange {
  double norm_bound = 0;    // > 0: L2 of every update
  int64_t max_weight = 0;   // >= 1: of every update
  int64_t max_updates = 0;  // >= 1: in one round

  // The ranges above; norm_bound <= 1e50, max_weight <= 2^32,
  // max_updates <= 2^30.
  bool IsValid() const;
  // The power of two described above, at most 2^149. REQUIRES: IsValid().
  double Scale() const;
  // A bound on the magnitude of the sum of that many updates.
  // REQUIRES: IsValid(); num_updates in [0, max_updates].
  int64_t MaxSum(int64_t num_updates) const;
  // The most that one update may add to the totals that are for people, so
  // that no sum of max_updates of them can overflow. What is more is absurd,
  // and cut. REQUIRES: IsValid().
  int64_t MaxCorrect() const;
  absl::int128 MaxLoss() const;  // in kLossUnit
  friend bool operator==(const FixedPointRange&,
                         const FixedPointRange&) = default;
};

// Of one update; with at most 2^30 updates no total can overflow.
inline constexpr int64_t kMaxExamples = int64_t{1} << 32;

// One update that has passed ValidateUpdate with the range's bounds.
struct WeightedUpdate {
  absl::Span<const float> delta;  // [num_parameters]
  int64_t weight = 0;             // [1, max_weight]
  learning::UpdateReport report;  // num_examples <= 2^32, divisor <= 2^30
  // 0: of the whole model; k: of sub-model k, zero where that has nothing.
  int shape = 0;
};

// Losses are summed in this unit. Squared errors come in the squares of any
// unit, so that the sum has 128 bits.
inline constexpr double kLossUnit = 0x1p-40;

// What updates have been divided by is summed in this unit, up to so much of
// each.
inline constexpr double kDivisorUnit = 0x1p-20;
inline constexpr double kMaxDivisor = 0x1p30;

// The totals beside the vector, all integers.
struct SumTotals {
  int64_t num_updates = 0;
  int64_t weight = 0;
  int64_t num_examples = 0;
  int64_t base_num_correct = 0;  // each at most 2^62 / max_updates
  absl::int128 base_loss = 0;    // each at most 2^126 / max_updates
  // Of all updates: weight * divisor, in kDivisorUnit.
  absl::int128 divisors = 0;
  // [sub-models]: the part of `weight` that belongs to updates of each.
  std::vector<int64_t> sub_model_weights = {};
  std::vector<absl::int128> sub_model_divisors = {};  // likewise of `divisors`
  friend bool operator==(const SumTotals&, const SumTotals&) = default;
};

// A partial sum. Thread-compatible.
class Accumulator {
 public:
  // `num_sub_models`: shapes of updates besides that of the whole model.
  // REQUIRES: range valid, num_parameters >= 1.
  Accumulator(const FixedPointRange& range, int64_t num_parameters,
              int num_sub_models = 0);

  // Adds a batch, in cache-sized blocks; over the threads of `pool` when there
  // is one (its threads must not be waiting for this call). The result is the
  // same for any pool and any grouping into batches. REQUIRES: sizes and
  // weights fit; no more than max_updates altogether.
  void Add(absl::Span<const WeightedUpdate> updates, ThreadPool* pool);
  // FAILED_PRECONDITION when ranges or sizes differ, or when the sum would
  // hold more than max_updates.
  absl::Status Merge(const Accumulator& other);

  const FixedPointRange& range() const { return range_; }
  const SumTotals& totals() const { return totals_; }
  absl::Span<const int64_t> sums() const { return sums_; }

  // Writes the weighted mean, [num_parameters]: of each parameter over the
  // updates of those models that have it (Diao et al. 2021, equation 4), and 0
  // where there is none. Where updates have been divided by something, it is
  // multiplied by the weighted mean of that, over the same updates: tau_eff of
  // Wang et al. 2020, equation 9. REQUIRES: totals().weight > 0; the task's
  // sub-models, as many as there are weights.
  void Mean(absl::Span<double> out,
            const learning::SubModels& sub_models = {}) const;

  // A segment's bytes; docs/reference/formats.md.
  std::string Serialize() const;
  // DATA_LOSS when malformed.
  static absl::StatusOr<Accumulator> Parse(absl::string_view bytes);

 private:
  // Mean() where every update is of the whole model, and where some are not.
  void WholeMean(absl::Span<double> out) const;
  void PartialMean(absl::Span<double> out,
                   const learning::SubModels& sub_models) const;
  // Whether any update has been divided by something.
  bool IsDivided() const;

  FixedPointRange range_;
  SumTotals totals_;
  std::vector<int64_t> sums_;  // [num_parameters]
};

}  // namespace shoal::aggregation

#endif  // SHOAL_AGGREGATION_ACCUMULATOR_H_
