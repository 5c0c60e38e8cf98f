// What queries of analytics have in common: devices answer with vectors of an
// L2 norm of at most 1, a round of secure aggregation sums them under noise,
// and the sum is decoded to estimates. docs/reference/analytics.md has the
// vectors.
#ifndef SHOAL_PRIVACY_ANALYTICS_NOISY_SUM_H_
#define SHOAL_PRIVACY_ANALYTICS_NOISY_SUM_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace shoal::analytics {

// Of one query: 64 MiB a vector.
inline constexpr int64_t kMaxCells = int64_t{1} << 24;

// The sum of all devices' vectors.
struct NoisySum {
  std::vector<double> cells;
  // Of the noise in every cell: independent, Gaussian or discrete Gaussian. Or
  // a bound on it. 0: exact.
  double cell_stddev = 0;
};

// Of what a task of one round committed, by the cohort that it was planned for.
// `mean_stddev`: of a value of the mean, as `shoalctl privacy plan` tells.
NoisySum SumOfMean(absl::Span<const float> mean, int64_t cohort,
                   double mean_stddev);

// INVALID_ARGUMENT, with what was found, unless the sum has so many cells, all
// of them finite, and a standard deviation. `query` is named in the sentence.
absl::Status CheckNoisySum(const NoisySum& sum, int64_t num_cells,
                           absl::string_view query);

// A number of devices.
struct Estimate {
  double value = 0;           // unbiased; may be negative
  double standard_error = 0;  // of the noise; who did not answer is not in it
  bool operator==(const Estimate&) const = default;
};

// The largest weight with which `num_entries` entries have an L2 norm of 1 at
// most. REQUIRES: num_entries in [1, kMaxCells].
float WeightOfEntries(int64_t num_entries);

// How many standard deviations Gaussian noise exceeds with at most this
// probability, to one side: sqrt(2 log(1 / p)). So it is for discrete Gaussian
// noise (Canonne, Kamath, Steinke, "The Discrete Gaussian for Differential
// Privacy", NeurIPS 2020) and for fixed sums of either, as E exp(t X) is at
// most exp(t^2 stddev^2 / 2). REQUIRES: p in (0, 1).
double NumStddevsOf(double probability);

// INVALID_ARGUMENT: "analytics: WHAT is VALUE, expected EXPECTED".
absl::Status OutOfRange(absl::string_view what, double value,
                        absl::string_view expected);

}  // namespace shoal::analytics

#endif  // SHOAL_PRIVACY_ANALYTICS_NOISY_SUM_H_
