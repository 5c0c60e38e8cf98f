#include "privacy/differential_privacy/gaussian_multiplier.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace shoal::privacy {
namespace {

constexpr double kSmoothing = 3;

}  // namespace

double SigmaFor(double multiplier, double bound) {
  return std::hypot(multiplier * bound, kSmoothing);
}

absl::StatusOr<double> GaussianMultiplier(double sigma, double bound) {
  constexpr double kSmallestSigma = 4;
  if (!(sigma >= kSmallestSigma && std::isfinite(sigma))) {
    return absl::InvalidArgumentError(
        absl::StrCat("noise of ", sigma, " steps of the grid, expected ",
                     kSmallestSigma, " or more: take a finer grid"));
  }
  if (!(bound > 0 && std::isfinite(bound))) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a norm of ", bound, " steps of the grid, expected a positive number"));
  }
  return std::sqrt((sigma - kSmoothing) * (sigma + kSmoothing)) / bound;
}

}  // namespace shoal::privacy
