#include "privacy/differential_privacy/distributed_mechanism.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace shoal::privacy {
namespace {

// What honest members add together.
absl::StatusOr<PrivacyEvent> ReleaseOf(const DistributedNoise& noise) {
  const double stddev = noise.guaranteed_stddev();
  const double bound = noise.rounding().bound();
  if (noise.options().kind == NoiseKind::kSkellam) {
    return PrivacyEvent::Skellam(
        {.variance = stddev * stddev,
         .l2_bound = bound,
         .l1_bound = IntegerL1Bound(bound, noise.rounding().length())});
  }
  // One discrete Gaussian but for the gap that DistributedNoise has made sure
  // is small.
  SHOAL_ASSIGN_OR_RETURN(const double multiplier,
                         GaussianMultiplier(stddev, bound));
  return PrivacyEvent::Gaussian(multiplier);
}

absl::StatusOr<PrivacyEvent> EventOf(const DistributedNoise& noise,
                                     const DistributedOptions& options) {
  SHOAL_ASSIGN_OR_RETURN(PrivacyEvent release, ReleaseOf(noise));
  if (!options.poisson_rate.has_value()) return release;
  PoissonDraw draw(*options.poisson_rate);
  SHOAL_RETURN_IF_ERROR(draw.Release(std::move(release)));
  return std::move(draw).Finish();
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

template class DistributedMechanism<kDeviceAddRemove>;
template class DistributedMechanism<kDeviceReplaceOne>;

}  // namespace shoal::privacy
