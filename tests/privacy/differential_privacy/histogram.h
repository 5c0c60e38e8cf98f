// Counts of integers beside the probabilities they should have.
#ifndef SHOAL_TESTS_PRIVACY_DIFFERENTIAL_PRIVACY_HISTOGRAM_H_
#define SHOAL_TESTS_PRIVACY_DIFFERENTIAL_PRIVACY_HISTOGRAM_H_

#include <cmath>
#include <cstdint>
#include <functional>
#include <map>
#include <vector>

#include "gtest/gtest.h"
#include "tests/support/chi_square.h"

namespace shoal::testing {

// Expects that values drawn by `draw` look like P(k) = pmf(k), k from -reach to
// reach, which has all but a 1e-9th of the mass. Values that are expected less
// than 25 times are taken together. A right sampler fails with a probability
// below 1e-6 (ChiSquareBound).
inline void ExpectDistribution(const std::function<int64_t()>& draw,
                               const std::function<double(int64_t)>& pmf,
                               int64_t reach, int64_t num_draws) {
  std::map<int64_t, double> drawn;
  for (int64_t i = 0; i < num_draws; ++i) ++drawn[draw()];
  std::vector<double> counts(1);
  std::vector<double> expected(1);  // place 0: all that is rare
  double rest = static_cast<double>(num_draws);
  double counted = rest;
  for (int64_t k = -reach; k <= reach; ++k) {
    const double mean = static_cast<double>(num_draws) * pmf(k);
    if (mean < 25) continue;
    counts.push_back(drawn[k]);
    expected.push_back(mean);
    rest -= mean;
    counted -= drawn[k];
  }
  counts[0] = counted;
  expected[0] = std::fmax(rest, 0);
  if (expected[0] < 25) {  // too few to be tested for themselves
    EXPECT_LT(counts[0], 100);
    counts[1] += counts[0];
    expected[1] += expected[0];
    counts.erase(counts.begin());
    expected.erase(expected.begin());
  }
  ASSERT_GE(counts.size(), 1u);
  if (counts.size() == 1) return;
  EXPECT_LT(ChiSquare(counts, expected),
            ChiSquareBound(static_cast<double>(counts.size() - 1)));
}

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_PRIVACY_DIFFERENTIAL_PRIVACY_HISTOGRAM_H_
