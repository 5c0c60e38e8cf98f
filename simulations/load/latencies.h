// How long calls took: a histogram with buckets that grow by one percent.
#ifndef SHOAL_SIMULATIONS_LOAD_LATENCIES_H_
#define SHOAL_SIMULATIONS_LOAD_LATENCIES_H_

#include <array>
#include <cstdint>

#include "absl/time/time.h"

namespace shoal::simulations {

// Thread-compatible. Its size does not depend on how much it counts.
class Latencies {
 public:
  // What is outside of [1 us, 1 h] counts as the nearest of the two.
  void Add(absl::Duration latency);

  int64_t count() const { return count_; }
  // Exact; zero when nothing was added.
  absl::Duration Mean() const;
  absl::Duration max() const { return max_; }
  // The smallest latency that at least the fraction `q` of all do not exceed,
  // within half a percent, and never above max(); zero when nothing was added.
  // REQUIRES: q in (0, 1].
  absl::Duration Quantile(double q) const;

 private:
  // 1.01^kBuckets microseconds are more than an hour.
  static constexpr int kBuckets = 2220;

  std::array<int64_t, kBuckets> counts_ = {};
  int64_t count_ = 0;
  absl::Duration sum_;
  absl::Duration max_;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LOAD_LATENCIES_H_
