#include "client/limits/quadratic_form.h"

#include <algorithm>
#include <cstdint>

namespace shoal::client {
namespace {

using Free = uint32_t;  // bit i: coefficient i need not be zero

constexpr Free kAll = (1u << kNumCoefficients) - 1;

bool IsFree(Free free, size_t i) { return ((free >> i) & 1) != 0; }

// Where the form is smallest over the free coefficients, the others zero: by
// elimination, which needs no pivots where `squares` is positive definite.
EnergyVector Least(const QuadraticForm& form, Free free) {
  auto rows = form.squares;
  EnergyVector right = form.products;
  for (size_t k = 0; k < kNumCoefficients; ++k) {
    if (!IsFree(free, k)) continue;
    for (size_t i = k + 1; i < kNumCoefficients; ++i) {
      if (!IsFree(free, i)) continue;
      const double factor = rows[i][k] / rows[k][k];
      for (size_t j = k; j < kNumCoefficients; ++j) {
        rows[i][j] -= factor * rows[k][j];
      }
      right[i] -= factor * right[k];
    }
  }
  EnergyVector result = {};
  for (size_t i = kNumCoefficients; i-- > 0;) {
    if (!IsFree(free, i)) continue;
    double rest = right[i];
    for (size_t j = i + 1; j < kNumCoefficients; ++j) {
      rest -= rows[i][j] * result[j];
    }
    result[i] = rest / rows[i][i];
  }
  return result;
}

// Twice the form at a minimum over some of the coefficients, where the
// gradient along these is zero.
double ValueAtLeast(const QuadraticForm& form, const EnergyVector& weights) {
  double value = 0;
  for (size_t i = 0; i < kNumCoefficients; ++i) {
    value -= form.products[i] * weights[i];
  }
  return value;
}

}  // namespace

EnergyVector LeastNotNegative(const QuadraticForm& form) {
  // The minimum over w >= 0 is that over its own positive coefficients.
  EnergyVector best = {};
  double best_value = 0;
  for (Free free = 1; free <= kAll; ++free) {
    const EnergyVector weights = Least(form, free);
    const bool allowed = std::all_of(weights.begin(), weights.end(),
                                     [](double w) { return w >= 0; });
    if (!allowed) continue;
    const double value = ValueAtLeast(form, weights);
    if (value >= best_value) continue;
    best_value = value;
    best = weights;
  }
  return best;
}

}  // namespace shoal::client
