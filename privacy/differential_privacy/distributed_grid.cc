#include "privacy/differential_privacy/distributed_grid.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace shoal::privacy {

using secure_aggregation::kMaxQuantiserBits;
using secure_aggregation::kMaxRingBits;
using secure_aggregation::Quantiser;
using secure_aggregation::QuantiserOptions;

namespace {

// Of a noise multiplier: how close to the one that was asked for is enough.
constexpr double kSlack = 1e-6;

absl::Status OutOfRange(absl::string_view name, double value,
                        absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(
      "fitting a ring: ", name, " is ", value, ", expected ", expected));
}

absl::Status CheckOptions(const RingFitOptions& options) {
  if (options.ring_bits < 2 || options.ring_bits > kMaxRingBits) {
    return OutOfRange("the number of ring bits", options.ring_bits,
                      absl::StrCat("2 to ", kMaxRingBits));
  }
  if (!(options.clip_norm > 0 && std::isfinite(options.clip_norm))) {
    return OutOfRange("the clip norm", options.clip_norm, "a positive number");
  }
  if (options.length < 1) {
    return OutOfRange("the length", static_cast<double>(options.length),
                      "1 or more");
  }
  if (!(options.beta >= 0 && options.beta < 1)) {
    return OutOfRange("beta", options.beta, "0 to below 1");
  }
  if (!(options.num_stddevs > 0 && std::isfinite(options.num_stddevs))) {
    return OutOfRange("the number of standard deviations", options.num_stddevs,
                      "a positive number");
  }
  return CheckNoiseOptions({.noise_multiplier = 1,
                            .num_members = options.num_members,
                            .min_survivors = options.min_survivors,
                            .colluding_fraction = options.colluding_fraction});
}

double LargestCode(int bits) { return std::ldexp(1, bits - 1) - 1; }

// One ring, for which steps are tried.
class RingFit {
 public:
  RingFit(const RingFitOptions& options, int64_t honest_shares)
      : options_(options), honest_shares_(static_cast<double>(honest_shares)) {}

  double BoundAt(double step) const {
    return RoundedNormBound(options_.clip_norm / step, options_.length,
                            options_.beta);
  }
  // Whether the sum fits and a member's noise can be drawn.
  bool Fits(double step, double multiplier) const;
  // INVALID_ARGUMENT when no step up to the clip norm fits.
  absl::StatusOr<double> SmallestStep(double multiplier) const;
  QuantiserOptions QuantiserAt(double step) const;

 private:
  const RingFitOptions& options_;
  double honest_shares_;
};

bool RingFit::Fits(double step, double multiplier) const {
  const auto members = static_cast<double>(options_.num_members);
  const double aligned = options_.clip_norm * members / step /
                         std::sqrt(static_cast<double>(options_.length));
  const double share = multiplier * BoundAt(step) / std::sqrt(honest_shares_);
  const double largest = options_.kind == NoiseKind::kSkellam
                             ? std::sqrt(SkellamSampler::kMaxVariance)
                             : DiscreteGaussianSampler::kMaxSigma;
  if (share > largest) return false;
  const double variance = aligned * aligned + members * (0.25 + share * share);
  return options_.num_stddevs * std::sqrt(variance) <=
         std::ldexp(1, options_.ring_bits - 1);
}

// All parts of the sum become smaller, counted in steps, as the step grows.
absl::StatusOr<double> RingFit::SmallestStep(double multiplier) const {
  constexpr int kHalvings = 60;
  double low = options_.clip_norm /
               LargestCode(std::min(kMaxQuantiserBits, options_.ring_bits));
  double high = options_.clip_norm;
  if (!Fits(high, multiplier)) {
    return absl::InvalidArgumentError(
        absl::StrCat("fitting a ring: sums of ", options_.num_members,
                     " members with a noise multiplier of ", multiplier,
                     " do not fit ", options_.ring_bits,
                     " bits on any grid, expected more bits or fewer "
                     "members"));
  }
  if (Fits(low, multiplier)) return low;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = std::sqrt(low * high);
    (Fits(middle, multiplier) ? high : low) = middle;
  }
  return high;
}

// The largest coordinate that is a whole number of steps 2^(bits-1) - 1, not
// above the clip norm: at least half of it, or as large as the ring. Of a short
// vector no coordinate may be cut off, and the step becomes larger.
QuantiserOptions RingFit::QuantiserAt(double step) const {
  constexpr double kFlat = 6;  // over root mean squares: next to none is above
  QuantiserOptions quantiser = {
      .norm_bound = options_.clip_norm, .bits = 2, .rotate = true};
  const int most = std::min(kMaxQuantiserBits, options_.ring_bits);
  while (quantiser.bits < most && LargestCode(quantiser.bits + 1) * step <=
                                      options_.clip_norm * (1 + 1e-12)) {
    ++quantiser.bits;
  }
  quantiser.coordinate_bound =
      std::min(options_.clip_norm, LargestCode(quantiser.bits) * step);
  const double needed =
      options_.clip_norm *
      std::min(1.0, kFlat / std::sqrt(static_cast<double>(options_.length)));
  quantiser.coordinate_bound = std::max(quantiser.coordinate_bound, needed);
  return quantiser;
}

}  // namespace

absl::StatusOr<DistributedNoise> FitToRing(const RingFitOptions& options,
                                           MultiplierOfBound multiplier) {
  constexpr int kMaxTries = 100;
  SHOAL_RETURN_IF_ERROR(CheckOptions(options));
  DistributedNoiseOptions noise = {
      .kind = options.kind,
      .num_members = options.num_members,
      .min_survivors = options.min_survivors,
      .colluding_fraction = options.colluding_fraction,
      .ring_bits = options.ring_bits};
  const RingFit fit(options, HonestShares(noise));
  // What is needed hardly changes with the step, so that this ends soon.
  double bound =
      fit.BoundAt(options.clip_norm /
                  LargestCode(std::min(kMaxQuantiserBits, options.ring_bits)));
  for (int i = 0; i < kMaxTries; ++i) {
    SHOAL_ASSIGN_OR_RETURN(const double asked, multiplier(bound));
    noise.noise_multiplier = asked * (1 + kSlack);
    SHOAL_ASSIGN_OR_RETURN(const double step,
                           fit.SmallestStep(noise.noise_multiplier));
    SHOAL_ASSIGN_OR_RETURN(const Quantiser quantiser,
                           Quantiser::Create(fit.QuantiserAt(step)));
    SHOAL_ASSIGN_OR_RETURN(
        const BoundedRounding rounding,
        BoundedRounding::Create(quantiser, options.length, options.beta));
    bound = rounding.bound();
    SHOAL_ASSIGN_OR_RETURN(const double needed, multiplier(bound));
    if (needed <= noise.noise_multiplier) {
      return DistributedNoise::Create(rounding, noise);
    }
  }
  return absl::InternalError(absl::StrCat(
      "fitting a ring: no grid found in ", kMaxTries,
      " tries, expected the noise multiplier to depend little on the grid"));
}

absl::StatusOr<DistributedNoise> FitToRing(const RingFitOptions& options,
                                           double noise_multiplier) {
  return FitToRing(options, [&](double) -> absl::StatusOr<double> {
    return noise_multiplier;
  });
}

double SquaredSumError(const DistributedNoise& noise) {
  const double step = noise.rounding().quantiser().step();
  return static_cast<double>(noise.options().num_members) * step * step *
         (noise.share_stddev() * noise.share_stddev() + 0.25);
}

}  // namespace shoal::privacy
