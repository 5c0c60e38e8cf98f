// Pearson's test of counts against what is expected.
#ifndef SHOAL_TESTS_SUPPORT_CHI_SQUARE_H_
#define SHOAL_TESTS_SUPPORT_CHI_SQUARE_H_

#include <cmath>
#include <cstddef>
#include <vector>

namespace shoal::testing {

inline double ChiSquare(const std::vector<double>& counts,
                        const std::vector<double>& expected) {
  double sum = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    sum += (counts[i] - expected[i]) * (counts[i] - expected[i]) / expected[i];
  }
  return sum;
}

// What a chi-square variable exceeds with a probability below 1e-6 (Wilson and
// Hilferty 1931 at 5 standard deviations, 2.9e-7, which leaves room for the
// approximation, and for counts of 20 and more for that of the counts).
inline double ChiSquareBound(double degrees_of_freedom) {
  const double spread = 2 / (9 * degrees_of_freedom);
  return degrees_of_freedom * std::pow(1 - spread + 5 * std::sqrt(spread), 3);
}

// Of values that should be uniform in [0, 1), in 20 bins: true where they pass.
inline bool LooksUniform(const std::vector<double>& values) {
  constexpr int kBins = 20;
  std::vector<double> counts(kBins);
  for (const double value : values) {
    ++counts[static_cast<size_t>(std::fmin(value * kBins, kBins - 1))];
  }
  const std::vector<double> expected(
      kBins, static_cast<double>(values.size()) / kBins);
  return ChiSquare(counts, expected) < ChiSquareBound(kBins - 1);
}

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_CHI_SQUARE_H_
