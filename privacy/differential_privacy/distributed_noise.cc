#include "privacy/differential_privacy/distributed_noise.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace shoal::privacy {

using secure_aggregation::RingVector;

namespace {

// Below this, the samples of a noisy sum would differ from one discrete
// Gaussian's by enough to be accounted for.
constexpr double kLargestGap = 1e-30;

absl::Status OutOfRange(absl::string_view name, double value,
                        absl::string_view expected) {
  return absl::InvalidArgumentError(absl::StrCat(
      "distributed noise: ", name, " is ", value, ", expected ", expected));
}

absl::Status CheckGap(int64_t shares, double stddev, int64_t length) {
  const double gap =
      DiscreteGaussianSumGap(shares, stddev) * static_cast<double>(length);
  if (gap <= kLargestGap) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "distributed noise: a member's noise is ", stddev,
      " steps of the grid, so that the sum is no discrete Gaussian: expected "
      "about 4 steps or more; take a finer grid or Skellam noise"));
}

template <typename Lanes>
void AddTo(Lanes& lanes, size_t i, int64_t noise) {
  using Lane = typename Lanes::value_type;
  lanes[i] = static_cast<Lane>(lanes[i] + static_cast<Lane>(noise));
}

// The ring that holds every sum of updates, and noise but for the stated
// probability.
absl::StatusOr<int> LargeEnoughRing(const BoundedRounding& rounding,
                                    const DistributedNoiseOptions& options,
                                    double stddev) {
  const double tail = NoiseSumTail(
      options.num_members, stddev,
      options.wrap_probability / static_cast<double>(rounding.length()));
  if (!(tail < 0x1p62)) {
    return OutOfRange("a sum's noise", tail, "less than 2^62 steps");
  }
  return rounding.quantiser().RingBits(options.num_members,
                                       static_cast<uint64_t>(std::ceil(tail)));
}

absl::StatusOr<int> RingBits(const BoundedRounding& rounding,
                             const DistributedNoiseOptions& options,
                             double stddev) {
  if (!options.ring_bits.has_value()) {
    return LargeEnoughRing(rounding, options, stddev);
  }
  const int least = rounding.quantiser().options().bits;
  if (*options.ring_bits < least ||
      *options.ring_bits > secure_aggregation::kMaxRingBits) {
    return OutOfRange("the number of ring bits", *options.ring_bits,
                      absl::StrCat(least, " (an update's) to ",
                                   secure_aggregation::kMaxRingBits));
  }
  return *options.ring_bits;
}

}  // namespace

absl::Status CheckShare(NoiseKind kind, int64_t num_members,
                        double share_stddev, int64_t length) {
  if (kind == NoiseKind::kDiscreteGaussian) {
    SHOAL_RETURN_IF_ERROR(CheckGap(num_members, share_stddev, length));
    if (share_stddev <= DiscreteGaussianSampler::kMaxSigma) {
      return absl::OkStatus();
    }
    return OutOfRange(
        "a member's noise", share_stddev,
        absl::StrCat("at most ", DiscreteGaussianSampler::kMaxSigma,
                     " steps: take a coarser grid"));
  }
  const double variance = share_stddev * share_stddev;
  if (variance >= SkellamSampler::kMinVariance &&
      variance <= SkellamSampler::kMaxVariance) {
    return absl::OkStatus();
  }
  return OutOfRange(
      "the variance of a member's noise", variance,
      absl::StrCat(SkellamSampler::kMinVariance, " to ",
                   SkellamSampler::kMaxVariance, " for Skellam noise: take a ",
                   variance > 1 ? "coarser" : "finer", " grid"));
}

int64_t SamplerBytes(NoiseKind kind, double share_stddev) {
  // Samplers cut larger noise into such parts. Their tables end where less than
  // 2^-200 is left, 17 standard deviations away.
  const double largest_part = kind == NoiseKind::kSkellam ? 0x1p12 : 0x1p7;
  const double values = 18 * std::min(share_stddev, largest_part) + 256;
  constexpr double kBytesOfValue = 192;  // most of it of a number of 256 bits
  return static_cast<int64_t>(values * kBytesOfValue);
}

absl::Status CheckNoiseOptions(const DistributedNoiseOptions& options) {
  if (!(options.noise_multiplier > 0 &&
        std::isfinite(options.noise_multiplier))) {
    return OutOfRange("the noise multiplier", options.noise_multiplier,
                      "a positive number");
  }
  if (options.num_members < 1) {
    return OutOfRange("the number of members",
                      static_cast<double>(options.num_members), "1 or more");
  }
  if (options.min_survivors < 1 ||
      options.min_survivors > options.num_members) {
    return OutOfRange("the smallest number of survivors",
                      static_cast<double>(options.min_survivors),
                      absl::StrCat("1 to ", options.num_members));
  }
  if (!(options.colluding_fraction >= 0 && options.colluding_fraction < 1)) {
    return OutOfRange("the colluding fraction", options.colluding_fraction,
                      "0 to below 1");
  }
  if (!(options.wrap_probability > 0 && options.wrap_probability < 1)) {
    return OutOfRange("the probability of wrapping around",
                      options.wrap_probability, "more than 0, below 1");
  }
  if (const int64_t shares = HonestShares(options); shares < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "distributed noise: ", options.colluding_fraction, " of ",
        options.num_members, " members collude, which leaves ", shares, " of ",
        options.min_survivors, " survivors, expected 1 or more"));
  }
  return absl::OkStatus();
}

// All that collude may be among the survivors. A product such as 0.29 × 100 is
// a little above 29 or below; neither is one more colluding member.
int64_t HonestShares(const DistributedNoiseOptions& options) {
  const double colluding =
      options.colluding_fraction * static_cast<double>(options.num_members);
  return options.min_survivors -
         static_cast<int64_t>(std::ceil(colluding - 1e-9));
}

double DiscreteGaussianSumGap(int64_t num_shares, double sigma) {
  const double exponent =
      2 * std::numbers::pi * std::numbers::pi * sigma * sigma;
  // Terms fall from exp(-exponent / 2); from some k on they are all the same.
  constexpr int64_t kExplicit = 100'000;
  double sum = 0;
  int64_t k = 1;
  for (; k < num_shares && k <= kExplicit; ++k) {
    const auto x = static_cast<double>(k);
    sum += std::exp(-exponent * x / (x + 1));
  }
  if (k < num_shares) {
    const auto x = static_cast<double>(k);
    sum +=
        static_cast<double>(num_shares - k) * std::exp(-exponent * x / (x + 1));
  }
  return 10 * sum;
}

double NoiseSumTail(int64_t num_shares, double share_stddev,
                    double probability) {
  const double variance =
      static_cast<double>(num_shares) * share_stddev * share_stddev;
  const double needed = std::log(2 / probability);
  const auto exponent = [variance](double t) {
    return t * std::asinh(t / variance) - std::hypot(t, variance) + variance;
  };
  double low = 0;
  double high = 1;
  while (exponent(high) < needed) high *= 2;
  for (int i = 0; i < 60; ++i) {
    const double middle = (low + high) / 2;
    (exponent(middle) < needed ? low : high) = middle;
  }
  return high;
}

DistributedNoise::DistributedNoise(const BoundedRounding& rounding,
                                   const DistributedNoiseOptions& options,
                                   int64_t shares, double share_stddev,
                                   int ring_bits, Sampler sampler)
    : rounding_(rounding),
      options_(options),
      num_honest_shares_(shares),
      share_stddev_(share_stddev),
      ring_bits_(ring_bits),
      sampler_(std::move(sampler)) {}

absl::StatusOr<DistributedNoise> DistributedNoise::Create(
    const BoundedRounding& rounding, const DistributedNoiseOptions& options) {
  SHOAL_RETURN_IF_ERROR(CheckNoiseOptions(options));
  const int64_t shares = HonestShares(options);
  const double stddev = options.noise_multiplier * rounding.bound() /
                        std::sqrt(static_cast<double>(shares));
  SHOAL_ASSIGN_OR_RETURN(const int ring_bits,
                         RingBits(rounding, options, stddev));
  SHOAL_RETURN_IF_ERROR(
      CheckShare(options.kind, options.num_members, stddev, rounding.length()));
  if (options.kind == NoiseKind::kSkellam) {
    SHOAL_ASSIGN_OR_RETURN(Sampler sampler,
                           SkellamSampler::Create(stddev * stddev));
    return DistributedNoise(rounding, options, shares, stddev, ring_bits,
                            std::move(sampler));
  }
  SHOAL_ASSIGN_OR_RETURN(Sampler sampler,
                         DiscreteGaussianSampler::Create(stddev));
  return DistributedNoise(rounding, options, shares, stddev, ring_bits,
                          std::move(sampler));
}

double DistributedNoise::guaranteed_stddev() const {
  return share_stddev_ * std::sqrt(static_cast<double>(num_honest_shares_));
}

BoundedRounding::Rounded DistributedNoise::Encode(
    absl::Span<float> values, absl::string_view rotation_seed, SecureRng& rng,
    RingVector& out) const {
  SHOAL_CHECK(out.ring_bits() == ring_bits_);
  // Not OK: zeros, which is what such an update counts as.
  const absl::StatusOr<BoundedRounding::Rounded> rounded =
      rounding_.Round(values, rotation_seed, rng, out);
  RandomWords words(rng);
  std::visit(
      [&](const auto& sampler) {
        out.Visit([&](auto& lanes) {
          for (size_t i = 0; i < lanes.size(); ++i) {
            AddTo(lanes, i, sampler.Draw(words));
          }
        });
      },
      sampler_);
  return rounded.value_or(BoundedRounding::Rounded{.norm = NAN});
}

}  // namespace shoal::privacy
