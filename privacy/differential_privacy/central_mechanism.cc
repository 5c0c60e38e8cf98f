#include "privacy/differential_privacy/central_mechanism.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "privacy/differential_privacy/gaussian_multiplier.h"

namespace shoal::privacy {
namespace {

constexpr uint32_t kVersion = 1;

absl::Status CheckOptions(const CentralOptions& options) {
  const int ways = (options.clip_norm.has_value() ? 1 : 0) +
                   (options.layers.empty() ? 0 : 1) +
                   (options.adaptive_clip.has_value() ? 1 : 0);
  if (ways != 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("central noise: an update is bounded in ", ways,
                     " ways, expected one of clip_norm, layers and "
                     "adaptive_clip"));
  }
  if (!(options.noise_multiplier > 0 &&
        std::isfinite(options.noise_multiplier))) {
    return absl::InvalidArgumentError(
        absl::StrCat("central noise: the noise multiplier is ",
                     options.noise_multiplier, ", expected a positive number"));
  }
  return absl::OkStatus();
}

absl::StatusOr<ClipRule> RuleOf(const CentralOptions& options,
                                const std::optional<AdaptiveClip>& clip) {
  if (clip.has_value()) return ClipRule::Create(clip->clip_norm());
  if (options.clip_norm.has_value()) {
    return ClipRule::Create(*options.clip_norm);
  }
  return ClipRule::Create(options.layers);
}

// Everything a round releases about its devices, of one draw or of all.
absl::StatusOr<PrivacyEvent> RoundEvent(const CentralOptions& options,
                                        double value_multiplier,
                                        std::optional<double> vote_multiplier) {
  std::vector<PrivacyEvent> releases;
  SHOAL_ASSIGN_OR_RETURN(PrivacyEvent values,
                         PrivacyEvent::Gaussian(value_multiplier));
  releases.push_back(std::move(values));
  if (vote_multiplier.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(PrivacyEvent votes,
                           PrivacyEvent::Gaussian(*vote_multiplier));
    releases.push_back(std::move(votes));
  }
  if (!options.poisson_rate.has_value()) {
    return PrivacyEvent::Compose(std::move(releases));
  }
  PoissonDraw draw(*options.poisson_rate);
  for (PrivacyEvent& release : releases) {
    SHOAL_RETURN_IF_ERROR(draw.Release(std::move(release)));
  }
  return std::move(draw).Finish();
}

}  // namespace

template <Neighbours kNeighbours>
CentralMechanism<kNeighbours>::CentralMechanism(
    CentralOptions options, double value_multiplier, PrivacyEvent event,
    std::optional<DiscreteGaussianSampler> vote_noise,
    std::optional<AdaptiveClip> clip)
    : options_(std::move(options)),
      value_multiplier_(value_multiplier),
      event_(std::move(event)),
      vote_noise_(std::move(vote_noise)),
      clip_(std::move(clip)) {}

template <Neighbours kNeighbours>
absl::StatusOr<CentralMechanism<kNeighbours>>
CentralMechanism<kNeighbours>::Create(const CentralOptions& options) {
  SHOAL_RETURN_IF_ERROR(CheckOptions(options));
  std::optional<AdaptiveClip> clip;
  std::optional<DiscreteGaussianSampler> vote_noise;
  std::optional<double> vote_multiplier;
  double value_multiplier = options.noise_multiplier;
  if (options.adaptive_clip.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(clip, AdaptiveClip::Create(*options.adaptive_clip));
    SHOAL_ASSIGN_OR_RETURN(
        value_multiplier,
        ValueNoiseMultiplier(options.noise_multiplier,
                             options.adaptive_clip->count_stddev));
    const double sigma = SigmaFor(clip->vote_stddev(), 1);
    SHOAL_ASSIGN_OR_RETURN(vote_noise, DiscreteGaussianSampler::Create(sigma));
    SHOAL_ASSIGN_OR_RETURN(vote_multiplier, GaussianMultiplier(sigma, 1));
  }
  SHOAL_RETURN_IF_ERROR(RuleOf(options, clip).status());
  SHOAL_ASSIGN_OR_RETURN(
      PrivacyEvent event,
      RoundEvent(options, value_multiplier, vote_multiplier));
  SHOAL_RETURN_IF_ERROR(CheckSupported(event, kNeighbours, options.accountant));
  return CentralMechanism(options, value_multiplier, std::move(event),
                          std::move(vote_noise), std::move(clip));
}

template <Neighbours kNeighbours>
absl::StatusOr<CentralMechanism<kNeighbours>>
CentralMechanism<kNeighbours>::Restore(const CentralOptions& options,
                                       absl::string_view state) {
  SHOAL_ASSIGN_OR_RETURN(CentralMechanism mechanism, Create(options));
  ByteReader reader(state);
  const uint32_t version = reader.U32();
  if (reader.ok() && version != kVersion) {
    return absl::UnimplementedError(
        absl::StrCat("central noise: the state has version ", version,
                     ", expected ", kVersion));
  }
  const absl::string_view clip = reader.Sized();
  if (!reader.ok() || !reader.rest().empty()) {
    return absl::DataLossError("central noise: the bytes are no state");
  }
  if (clip.empty() == options.adaptive_clip.has_value()) {
    return absl::InvalidArgumentError(
        "central noise: the state is of another kind of clipping");
  }
  if (options.adaptive_clip.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(mechanism.clip_,
                           AdaptiveClip::Restore(*options.adaptive_clip, clip));
  }
  return mechanism;
}

template <Neighbours kNeighbours>
std::string CentralMechanism<kNeighbours>::State() const {
  std::string state;
  AppendU32(state, kVersion);
  AppendSized(state, clip_.has_value() ? clip_->Serialize() : "");
  return state;
}

template <Neighbours kNeighbours>
ClipRule CentralMechanism<kNeighbours>::clip() const {
  return *RuleOf(options_, clip_);  // as at creation
}

template <Neighbours kNeighbours>
auto CentralMechanism<kNeighbours>::Release(const IntegerGrid& grid,
                                            std::vector<int64_t> sum,
                                            int64_t votes, SecureRng& rng)
    -> absl::StatusOr<Sum> {
  SHOAL_CHECK(static_cast<int64_t>(sum.size()) == grid.length);
  // The event's multiplier on whatever grid.
  const double sigma = SigmaFor(value_multiplier_, grid.bound);
  SHOAL_RETURN_IF_ERROR(GaussianMultiplier(sigma, grid.bound).status());
  if (!value_noise_.has_value() || value_noise_->sigma() != sigma) {
    SHOAL_ASSIGN_OR_RETURN(value_noise_,
                           DiscreteGaussianSampler::Create(sigma));
  }
  RandomWords words(rng);
  for (int64_t& value : sum) value += value_noise_->Draw(words);
  if (clip_.has_value()) clip_->Update(votes + vote_noise_->Draw(words));
  return Sum(std::move(sum), event_);
}

template class CentralMechanism<kDeviceAddRemove>;
template class CentralMechanism<kDeviceReplaceOne>;

}  // namespace shoal::privacy
