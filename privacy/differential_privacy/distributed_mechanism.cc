#include "privacy/differential_privacy/distributed_mechanism.h"

#include <utility>

#include "absl/functional/function_ref.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "privacy/accounting/calibration.h"
#include "privacy/differential_privacy/gaussian_multiplier.h"

namespace shoal::privacy {
namespace {

// What honest members add together: noise of `stddev` on vectors of norm
// `bound`, in steps of the grid.
absl::StatusOr<PrivacyEvent> ReleaseOf(NoiseKind kind, double stddev,
                                       double bound, int64_t length) {
  if (kind == NoiseKind::kSkellam) {
    return PrivacyEvent::Skellam({.variance = stddev * stddev,
                                  .l2_bound = bound,
                                  .l1_bound = IntegerL1Bound(bound, length)});
  }
  // One discrete Gaussian but for the gap that DistributedNoise has made sure
  // is small.
  SHOAL_ASSIGN_OR_RETURN(const double multiplier,
                         GaussianMultiplier(stddev, bound));
  return PrivacyEvent::Gaussian(multiplier);
}

absl::StatusOr<PrivacyEvent> Drawn(PrivacyEvent release,
                                   std::optional<double> poisson_rate) {
  if (!poisson_rate.has_value()) return release;
  PoissonDraw draw(*poisson_rate);
  SHOAL_RETURN_IF_ERROR(draw.Release(std::move(release)));
  return std::move(draw).Finish();
}

absl::StatusOr<PrivacyEvent> EventOf(const DistributedNoise& noise,
                                     const DistributedOptions& options) {
  SHOAL_ASSIGN_OR_RETURN(
      PrivacyEvent release,
      ReleaseOf(noise.options().kind, noise.guaranteed_stddev(),
                noise.rounding().bound(), noise.rounding().length()));
  return Drawn(std::move(release), options.poisson_rate);
}

// The smallest multiplier whose rounds, each with the release that it leads to,
// keep within the budget.
absl::StatusOr<double> Calibrated(
    const DistributedBudget& budget,
    absl::FunctionRef<absl::StatusOr<PrivacyEvent>(double)> release) {
  const EventOfNoise rounds =
      [&](double multiplier) -> absl::StatusOr<PrivacyEvent> {
    SHOAL_ASSIGN_OR_RETURN(PrivacyEvent one, release(multiplier));
    SHOAL_ASSIGN_OR_RETURN(PrivacyEvent round,
                           Drawn(std::move(one), budget.poisson_rate));
    return PrivacyEvent::Repeat(std::move(round), budget.rounds);
  };
  SHOAL_ASSIGN_OR_RETURN(const CalibratedNoise found,
                         CalibrateNoise(rounds, budget.query, budget.epsilon));
  return found.noise_multiplier;
}

}  // namespace

template <Neighbours kNeighbours>
DistributedMechanism<kNeighbours>::DistributedMechanism(
    const DistributedNoise& noise, const DistributedOptions& options,
    PrivacyEvent event)
    : noise_(noise), options_(options), event_(std::move(event)) {}

template <Neighbours kNeighbours>
absl::StatusOr<DistributedMechanism<kNeighbours>>
DistributedMechanism<kNeighbours>::Create(const DistributedNoise& noise,
                                          const DistributedOptions& options) {
  if (options.expected_devices < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("distributed noise: ", options.expected_devices,
                     " expected devices, expected 1 or more"));
  }
  SHOAL_ASSIGN_OR_RETURN(PrivacyEvent event, EventOf(noise, options));
  SHOAL_RETURN_IF_ERROR(CheckSupported(event, kNeighbours, options.accountant));
  return DistributedMechanism(noise, options, std::move(event));
}

template <Neighbours kNeighbours>
auto DistributedMechanism<kNeighbours>::Open(
    const secure_aggregation::RingVector& sum, int64_t num_survivors,
    absl::string_view rotation_seed) const -> absl::StatusOr<Mean> {
  const DistributedNoiseOptions& options = noise_.options();
  if (num_survivors < options.min_survivors) {
    return absl::FailedPreconditionError(absl::StrCat(
        "distributed noise: ", num_survivors, " members survived, expected ",
        options.min_survivors, " or more: their noise is too small"));
  }
  if (num_survivors > options.num_members ||
      sum.ring_bits() != noise_.ring_bits() ||
      sum.length() != noise_.rounding().length()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "distributed noise: a sum of ", num_survivors, " members and ",
        sum.length(), " elements of ", sum.ring_bits(), " bits, expected ",
        options.num_members, " at most, ", noise_.rounding().length(),
        " elements and ", noise_.ring_bits(), " bits"));
  }
  std::vector<double> mean(sum.length());
  SHOAL_RETURN_IF_ERROR(noise_.rounding().quantiser().DecodeMean(
      sum, options_.expected_devices, rotation_seed, absl::MakeSpan(mean)));
  return Mean(std::move(mean), event_);
}

absl::StatusOr<DistributedNoise> FitBudgetToRing(
    const RingFitOptions& options, const DistributedBudget& budget) {
  if (options.kind == NoiseKind::kSkellam) {
    return FitToRing(options, [&](double bound) {
      return Calibrated(budget, [&](double multiplier) {
        return ReleaseOf(options.kind, multiplier * bound, bound,
                         options.length);
      });
    });
  }
  // The same on every grid, but for three steps of noise.
  SHOAL_ASSIGN_OR_RETURN(const double gaussian,
                         Calibrated(budget, PrivacyEvent::Gaussian));
  return FitToRing(options, [&](double bound) -> absl::StatusOr<double> {
    return SigmaFor(gaussian, bound) / bound;
  });
}

template class DistributedMechanism<kDeviceAddRemove>;
template class DistributedMechanism<kDeviceReplaceOne>;

}  // namespace shoal::privacy
