#include "privacy/differential_privacy/local_mechanism.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace shoal::privacy {
namespace {

constexpr double kScaleSteps = 0x1p16;
constexpr double kProbabilitySteps = 0x1p32;
// Of a number that was computed in doubles, for the safe side.
constexpr double kAbove = 1 + 0x1p-40;

absl::Status CheckEpsilon(double epsilon) {
  if (epsilon > 0 && std::isfinite(epsilon)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "local noise: epsilon is ", epsilon, ", expected a positive number"));
}

absl::Status CheckCount(absl::string_view name, int64_t value, int64_t least) {
  constexpr int64_t kLimit = int64_t{1} << 32;
  if (value >= least && value < kLimit) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("local noise: ", name, " is ",
                                                 value, ", expected ", least,
                                                 " to below ", kLimit));
}

}  // namespace

absl::StatusOr<LocalLaplace> LocalLaplace::Create(int64_t range,
                                                  double epsilon) {
  SHOAL_RETURN_IF_ERROR(CheckCount("the range", range, 1));
  SHOAL_RETURN_IF_ERROR(CheckEpsilon(epsilon));
  const double steps =
      std::ceil(static_cast<double>(range) / epsilon * kScaleSteps * kAbove);
  if (!(steps < kProbabilitySteps)) {
    return absl::InvalidArgumentError(
        absl::StrCat("local noise: a scale of ", steps / kScaleSteps,
                     ", expected less than ", kScaleSteps,
                     ": take a smaller range or a larger epsilon"));
  }
  const Ratio scale = {static_cast<uint64_t>(steps),
                       static_cast<uint64_t>(kScaleSteps)};
  // Pure privacy, not that of continuous Laplace noise: for a range of 1 every
  // outcome has the largest loss.
  SHOAL_ASSIGN_OR_RETURN(
      PrivacyEvent event,
      PrivacyEvent::EpsilonDelta(
          std::min(epsilon,
                   static_cast<double>(range) * kScaleSteps / steps * kAbove),
          0, kDeviceReplaceOne.adjacency));
  return LocalLaplace(range, scale, std::move(event));
}

LocalLaplace::Told LocalLaplace::Tell(int64_t value, SecureRng& rng) const {
  RandomWords words(rng);
  return Told(
      std::clamp<int64_t>(value, 0, range_) + DiscreteLaplace(scale_, words),
      event_);
}

absl::StatusOr<LocalResponse> LocalResponse::Create(int64_t num_values,
                                                    double epsilon) {
  SHOAL_RETURN_IF_ERROR(CheckCount("the number of values", num_values, 2));
  SHOAL_RETURN_IF_ERROR(CheckEpsilon(epsilon));
  const auto k = static_cast<double>(num_values);
  const double noise = k / (k + std::expm1(epsilon));
  const double steps = std::min(std::ceil(noise * kProbabilitySteps * kAbove),
                                kProbabilitySteps);
  SHOAL_ASSIGN_OR_RETURN(
      PrivacyEvent event,
      PrivacyEvent::RandomisedResponse(num_values, steps / kProbabilitySteps));
  return LocalResponse(
      num_values,
      {static_cast<uint64_t>(steps), static_cast<uint64_t>(kProbabilitySteps)},
      std::move(event));
}

double LocalResponse::noise_probability() const {
  return static_cast<double>(noise_.numerator) /
         static_cast<double>(noise_.denominator);
}

absl::StatusOr<LocalResponse::Told> LocalResponse::Tell(int64_t value,
                                                        SecureRng& rng) const {
  if (value < 0 || value >= num_values_) {
    return absl::InvalidArgumentError(absl::StrCat(
        "local noise: value ", value, ", expected 0 to ", num_values_ - 1));
  }
  RandomWords words(rng);
  return Told(
      RandomisedResponse(static_cast<uint64_t>(value),
                         static_cast<uint64_t>(num_values_), noise_, words),
      event_);
}

std::vector<double> LocalResponse::Estimate(
    absl::Span<const int64_t> told_counts) const {
  SHOAL_CHECK(static_cast<int64_t>(told_counts.size()) == num_values_);
  double total = 0;
  for (const int64_t count : told_counts) total += static_cast<double>(count);
  const double noise = noise_probability();
  const double uniform = total * noise / static_cast<double>(num_values_);
  std::vector<double> estimates;
  for (const int64_t count : told_counts) {
    estimates.push_back((static_cast<double>(count) - uniform) / (1 - noise));
  }
  return estimates;
}

}  // namespace shoal::privacy
