#include "privacy/differential_privacy/threshold_table.h"

#include <algorithm>
#include <bit>

#include "base/check.h"

namespace shoal::privacy {

ThresholdTable::ThresholdTable(const std::vector<FixedPoint>& weights) {
  FixedPoint total;
  for (const FixedPoint& weight : weights) total = total + weight;
  SHOAL_CHECK(!total.IsZero());
  FixedPoint sum;
  for (const FixedPoint& weight : weights) {
    sum = sum + weight;
    sums_.push_back((sum / total).Fraction());
    high_.push_back(sums_.back()[0]);
  }
  // The last sum is 1: nothing is above it.
  high_.back() = ~uint64_t{0};
  // About one place for every value.
  const int bits =
      std::clamp(static_cast<int>(std::bit_width(weights.size())), 8, 16);
  guide_shift_ = 64 - bits;
  uint32_t k = 0;
  for (uint64_t i = 0; i < uint64_t{1} << bits; ++i) {
    while (high_[k] < i << guide_shift_) ++k;
    guide_.push_back(k);
  }
}

size_t ThresholdTable::Decide(size_t k, uint64_t first,
                              RandomWords& words) const {
  FixedPoint::Words drawn = {first};
  for (size_t i = 1; i < drawn.size(); ++i) drawn[i] = words.Next();
  while (k + 1 < sums_.size() && drawn >= sums_[k]) ++k;
  return k;
}

}  // namespace shoal::privacy
