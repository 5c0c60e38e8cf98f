#include "aggregation/staleness.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace shoal::aggregation {

int64_t StalenessWeight(int64_t versions_behind, double exponent) {
  SHOAL_CHECK(versions_behind >= 0);
  // Rounded far above the last bits, in which mathematical libraries differ.
  const double weight =
      std::pow(1 + static_cast<double>(versions_behind), -exponent);
  const double units = weight * static_cast<double>(kFreshWeight);
  return std::max<int64_t>(std::llround(units), 1);
}

double MeanStalenessWeight(const SumTotals& totals) {
  SHOAL_CHECK(totals.num_updates >= 1);
  return static_cast<double>(totals.weight) /
         (static_cast<double>(totals.num_updates) *
          static_cast<double>(kFreshWeight));
}

}  // namespace shoal::aggregation
