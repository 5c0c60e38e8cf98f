// Integer noise as Gaussian noise: how private a discrete Gaussian is.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_GAUSSIAN_MULTIPLIER_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_GAUSSIAN_MULTIPLIER_H_

#include "absl/status/statusor.h"

namespace shoal::privacy {

// The event of integer noise as that of a Gaussian: what is left of it when
// noise of three steps is taken off. Rounding a normal y of variance sigma^2 -
// 9 to the integer k with probability ~ exp(-(k - y)^2 / 18) gives a discrete
// Gaussian of sigma, but for a factor of 1 + 4 exp(-18 pi^2) in every
// probability (by Poisson summation): on 2^30 values that is 2^-224. So the
// discrete Gaussian is a rounded Gaussian, and rounding costs nothing.
//
// `sigma` and the L2 norm `bound` are in steps of the grid. INVALID_ARGUMENT
// unless sigma is at least 4 and the bound is positive.
absl::StatusOr<double> GaussianMultiplier(double sigma, double bound);

// The sigma whose GaussianMultiplier is `multiplier`.
double SigmaFor(double multiplier, double bound);

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_GAUSSIAN_MULTIPLIER_H_
