#include "privacy/differential_privacy/local_mechanism.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "privacy/differential_privacy/gaussian_multiplier.h"

namespace shoal::privacy {

using secure_aggregation::RingVector;

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

absl::StatusOr<LocalGaussian> LocalGaussian::Create(
    const BoundedRounding& rounding, double noise_multiplier) {
  if (!(noise_multiplier > 0 && std::isfinite(noise_multiplier))) {
    return absl::InvalidArgumentError(
        absl::StrCat("local noise: the noise multiplier is ", noise_multiplier,
                     ", expected a positive number"));
  }
  const double sigma = SigmaFor(noise_multiplier, rounding.bound());
  SHOAL_ASSIGN_OR_RETURN(const double multiplier,
                         GaussianMultiplier(sigma, rounding.bound()));
  SHOAL_ASSIGN_OR_RETURN(DiscreteGaussianSampler noise,
                         DiscreteGaussianSampler::Create(sigma));
  SHOAL_ASSIGN_OR_RETURN(PrivacyEvent event,
                         PrivacyEvent::Gaussian(multiplier));
  return LocalGaussian(rounding, std::move(noise), std::move(event));
}

LocalGaussian::Told LocalGaussian::Tell(absl::Span<float> values,
                                        absl::string_view rotation_seed,
                                        SecureRng& rng) const {
  constexpr int kRingBits = 32;  // integers are much smaller
  RingVector rounded(rounding_.length(), kRingBits);
  // Not OK: zeros, which is what such a vector counts as.
  rounding_.Round(values, rotation_seed, rng, rounded).IgnoreError();
  std::vector<int64_t> told(values.size());
  noise_.Fill(rng, absl::MakeSpan(told));
  for (size_t i = 0; i < told.size(); ++i) {
    told[i] += rounded.GetSigned(static_cast<int64_t>(i));
  }
  return Told(std::move(told), event_);
}

absl::StatusOr<std::vector<double>> LocalGaussian::Mean(
    absl::Span<const int64_t> told_sum, int64_t num_devices,
    absl::string_view rotation_seed) const {
  SHOAL_CHECK(static_cast<int64_t>(told_sum.size()) == rounding_.length());
  RingVector sum(rounding_.length(), secure_aggregation::kMaxRingBits);
  for (size_t i = 0; i < told_sum.size(); ++i) {
    sum.Set(static_cast<int64_t>(i), static_cast<uint64_t>(told_sum[i]));
  }
  std::vector<double> mean(told_sum.size());
  SHOAL_RETURN_IF_ERROR(rounding_.quantiser().DecodeMean(
      sum, num_devices, rotation_seed, absl::MakeSpan(mean)));
  return mean;
}

}  // namespace shoal::privacy
