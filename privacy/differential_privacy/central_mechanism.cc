#include "privacy/differential_privacy/central_mechanism.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace shoal::privacy {

using secure_aggregation::Quantiser;
using secure_aggregation::RingVector;

namespace {

constexpr uint32_t kVersion = 1;
// Of conditional rounding: two tries in three are kept.
const double kBeta = std::exp(-0.5);

// Integers as large as these fit easily; only their sums matter.
constexpr int kRingBits = 32;

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
  int64_t length = 0;
  for (const LayerClip& layer : options.layers) length += layer.length;
  if (!options.layers.empty() && length != options.length) {
    return absl::InvalidArgumentError(absl::StrCat("central noise: layers of ",
                                                   length, " values, expected ",
                                                   options.length));
  }
  if (!(options.noise_multiplier > 0 &&
        std::isfinite(options.noise_multiplier))) {
    return absl::InvalidArgumentError(
        absl::StrCat("central noise: the noise multiplier is ",
                     options.noise_multiplier, ", expected a positive number"));
  }
  if (options.expected_devices < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("central noise: ", options.expected_devices,
                     " expected devices, expected 1 or more"));
  }
  return absl::OkStatus();
}

absl::StatusOr<BoundedRounding> MakeRounding(const CentralOptions& options,
                                             double clip_norm) {
  SHOAL_ASSIGN_OR_RETURN(const Quantiser quantiser,
                         Quantiser::Create({.norm_bound = clip_norm,
                                            .coordinate_bound = clip_norm,
                                            .bits = options.bits}));
  return BoundedRounding::Create(quantiser, options.length, kBeta);
}

double ClipNormOf(const CentralOptions& options,
                  const std::optional<AdaptiveClip>& clip) {
  if (clip.has_value()) return clip->clip_norm();
  if (options.clip_norm.has_value()) return *options.clip_norm;
  return JointClipNorm(options.layers);
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

CentralSum::CentralSum(BoundedRounding rounding, std::vector<LayerClip> layers,
                       bool votes, int64_t round)
    : rounding_(std::move(rounding)),
      layers_(std::move(layers)),
      votes_(votes),
      round_(round),
      sum_(rounding_.length()),
      rounded_(rounding_.length(), kRingBits) {}

void CentralSum::Add(absl::Span<float> update, SecureRng& rng) {
  SHOAL_CHECK(static_cast<int64_t>(update.size()) == rounding_.length());
  if (!layers_.empty() &&
      !ClipLayersL2(update, absl::MakeConstSpan(layers_)).ok()) {
    return;  // not finite: zeros
  }
  const auto rounded = rounding_.Round(update, "", rng, rounded_);
  if (!rounded.ok()) return;  // not finite: zeros, and no vote
  for (size_t i = 0; i < sum_.size(); ++i) {
    sum_[i] += rounded_.GetSigned(static_cast<int64_t>(i));
  }
  if (votes_) {
    const double clip_norm = rounding_.quantiser().options().norm_bound;
    vote_sum_ += AdaptiveClip::Vote(rounded->norm > clip_norm);
  }
}

template <Neighbours kNeighbours>
CentralMechanism<kNeighbours>::CentralMechanism(
    CentralOptions options, PrivacyEvent event,
    DiscreteGaussianSampler value_noise,
    std::optional<DiscreteGaussianSampler> vote_noise,
    std::optional<AdaptiveClip> clip)
    : options_(std::move(options)),
      event_(std::move(event)),
      value_noise_(std::move(value_noise)),
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
  SHOAL_ASSIGN_OR_RETURN(const BoundedRounding rounding,
                         MakeRounding(options, ClipNormOf(options, clip)));
  const double sigma = SigmaFor(value_multiplier, rounding.bound());
  SHOAL_ASSIGN_OR_RETURN(DiscreteGaussianSampler value_noise,
                         DiscreteGaussianSampler::Create(sigma));
  SHOAL_ASSIGN_OR_RETURN(value_multiplier,
                         GaussianMultiplier(sigma, rounding.bound()));
  SHOAL_ASSIGN_OR_RETURN(
      PrivacyEvent event,
      RoundEvent(options, value_multiplier, vote_multiplier));
  SHOAL_RETURN_IF_ERROR(CheckSupported(event, kNeighbours, options.accountant));
  return CentralMechanism(options, std::move(event), std::move(value_noise),
                          std::move(vote_noise), std::move(clip));
}

template <Neighbours kNeighbours>
absl::StatusOr<CentralMechanism<kNeighbours>>
CentralMechanism<kNeighbours>::Restore(const CentralOptions& options,
                                       absl::string_view state) {
  SHOAL_ASSIGN_OR_RETURN(CentralMechanism mechanism, Create(options));
  ByteReader reader(state);
  const uint32_t version = reader.U32();
  const uint64_t round = reader.U64();
  const absl::string_view clip = reader.Sized();
  if (!reader.ok() || !reader.rest().empty()) {
    return absl::DataLossError("central noise: the bytes are no state");
  }
  if (version != kVersion) {
    return absl::UnimplementedError(
        absl::StrCat("central noise: the state has version ", version,
                     ", expected ", kVersion));
  }
  if (clip.empty() == options.adaptive_clip.has_value()) {
    return absl::InvalidArgumentError(
        "central noise: the state is of another kind of clipping");
  }
  if (options.adaptive_clip.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(mechanism.clip_,
                           AdaptiveClip::Restore(*options.adaptive_clip, clip));
  }
  mechanism.round_ = static_cast<int64_t>(round);
  return mechanism;
}

template <Neighbours kNeighbours>
std::string CentralMechanism<kNeighbours>::State() const {
  std::string state;
  AppendU32(state, kVersion);
  AppendU64(state, static_cast<uint64_t>(round_));
  AppendSized(state, clip_.has_value() ? clip_->Serialize() : "");
  return state;
}

template <Neighbours kNeighbours>
double CentralMechanism<kNeighbours>::clip_norm() const {
  return ClipNormOf(options_, clip_);
}

template <Neighbours kNeighbours>
BoundedRounding CentralMechanism<kNeighbours>::Rounding() const {
  return *MakeRounding(options_, clip_norm());  // as at creation
}

template <Neighbours kNeighbours>
CentralSum CentralMechanism<kNeighbours>::StartSum() const {
  return CentralSum(Rounding(), options_.layers, clip_.has_value(), round_);
}

template <Neighbours kNeighbours>
auto CentralMechanism<kNeighbours>::Release(CentralSum sum, SecureRng& rng)
    -> absl::StatusOr<Mean> {
  if (sum.round_ != round_) {
    return absl::InvalidArgumentError(
        absl::StrCat("central noise: a sum of round ", sum.round_,
                     ", expected one of round ", round_));
  }
  const double unit = Rounding().quantiser().step() /
                      static_cast<double>(options_.expected_devices);
  RandomWords words(rng);
  std::vector<double> mean(sum.sum_.size());
  for (size_t i = 0; i < mean.size(); ++i) {
    mean[i] =
        static_cast<double>(sum.sum_[i] + value_noise_.Draw(words)) * unit;
  }
  if (clip_.has_value()) {
    clip_->Update(sum.vote_sum_ + vote_noise_->Draw(words));
  }
  ++round_;
  return Mean(std::move(mean), event_);
}

template class CentralMechanism<kDeviceAddRemove>;
template class CentralMechanism<kDeviceReplaceOne>;

}  // namespace shoal::privacy
