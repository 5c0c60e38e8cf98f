// What an update weighs whose model is some versions behind, and the mean of a
// buffer of such updates.
//
// Nguyen, Malik, Zhan, Yousefpour, Rabbat, Malek, Huba, *Federated Learning
// with Buffered Asynchronous Aggregation* (FedBuff), AISTATS 2022, algorithm 1:
// with the K updates D_k of a full buffer, d_k versions behind,
//
//   x <- x + eta_g / K * sum s(d_k) D_k,   s(d) = (1 + d)^-a,
//
// and a = 1/2 (their section 5). The divisor is the number of updates, not the
// sum of their weights: stale updates make the step shorter.
//
// Deviation: s is rounded to a multiple of 2^-24, so that sums stay integers.
#ifndef SHOAL_AGGREGATION_STALENESS_H_
#define SHOAL_AGGREGATION_STALENESS_H_

#include <cstdint>

#include "aggregation/accumulator.h"

namespace shoal::aggregation {

// s(0), as the weight of an update in an Accumulator.
inline constexpr int64_t kFreshWeight = int64_t{1} << 24;

// s(versions_behind) in units of 1 / kFreshWeight, at least 1.
// REQUIRES: versions_behind >= 0; exponent, a above, in [0, 10].
int64_t StalenessWeight(int64_t versions_behind, double exponent);

// The mean of s over the updates of a sum, in (0, 1]: what to multiply their
// weighted mean by for what the paper divides by K.
// REQUIRES: weights of StalenessWeight; totals.num_updates >= 1.
double MeanStalenessWeight(const SumTotals& totals);

}  // namespace shoal::aggregation

#endif  // SHOAL_AGGREGATION_STALENESS_H_
