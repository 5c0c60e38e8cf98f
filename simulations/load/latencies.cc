#include "simulations/load/latencies.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace shoal::simulations {
namespace {

constexpr double kGrowth = 1.01;
constexpr absl::Duration kLongest = absl::Hours(1);

}  // namespace

void Latencies::Add(absl::Duration latency) {
  latency = std::clamp(latency, absl::Microseconds(1), kLongest);
  const double bucket =
      std::log(absl::ToDoubleMicroseconds(latency)) / std::log(kGrowth);
  ++counts_[std::min(static_cast<int>(bucket), kBuckets - 1)];
  ++count_;
  sum_ += latency;
  max_ = std::max(max_, latency);
}

absl::Duration Latencies::Mean() const {
  return count_ == 0 ? absl::ZeroDuration() : sum_ / count_;
}

absl::Duration Latencies::Quantile(double q) const {
  SHOAL_CHECK(q > 0 && q <= 1);
  if (count_ == 0) return absl::ZeroDuration();
  const auto wanted =
      static_cast<int64_t>(std::ceil(q * static_cast<double>(count_)));
  int bucket = 0;
  for (int64_t seen = counts_[0]; seen < wanted; seen += counts_[bucket]) {
    ++bucket;
  }
  // The middle of the bucket, by ratio.
  return std::min(absl::Microseconds(std::pow(kGrowth, bucket + 0.5)), max_);
}

}  // namespace shoal::simulations
