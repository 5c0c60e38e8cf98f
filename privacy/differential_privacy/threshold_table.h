// Draws from a finite table of probabilities by inversion: one random word and
// one or two comparisons in nearly all draws.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_THRESHOLD_TABLE_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_THRESHOLD_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "privacy/differential_privacy/fixed_point.h"
#include "privacy/differential_privacy/random_words.h"

namespace shoal::privacy {

// Value k is drawn when a uniform number of 192 bits is below
// P(0) + … + P(k) and not below P(0) + … + P(k - 1), sums rounded down to 192
// bits. Of `n` values that is wrong by at most n 2^-192 in total variation,
// beside what is wrong in the weights. Of the 192 bits only the first 64 are
// drawn unless they are equal to a sum's.
//
// The time depends on the value: which place of the table is read, and now and
// then a place more. Immutable; thread-safe.
class ThresholdTable {
 public:
  // P(k) ~ weights[k]. REQUIRES: their sum is positive.
  explicit ThresholdTable(const std::vector<FixedPoint>& weights);

  int64_t Draw(RandomWords& words) const {
    const uint64_t first = words.Next();
    size_t k = guide_[first >> guide_shift_];
    while (first > high_[k]) ++k;
    return static_cast<int64_t>(first < high_[k] ? k : Decide(k, first, words));
  }
  int64_t num_values() const { return static_cast<int64_t>(high_.size()); }

 private:
  size_t Decide(size_t k, uint64_t first, RandomWords& words) const;

  std::vector<uint64_t> high_;  // first word of every sum
  std::vector<FixedPoint::Words> sums_;
  std::vector<uint32_t> guide_;  // the first k that can be, by the first bits
  int guide_shift_ = 0;
};

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_THRESHOLD_TABLE_H_
