// Noise that devices add to their own updates before secure aggregation, so
// that the coordinator sees a noisy sum and nothing else. Kairouz, Liu, Steinke
// 2021, algorithms 1 and 2 (discrete Gaussian); Agarwal, Kairouz, Liu, "The
// Skellam Mechanism for Differentially Private Federated Learning", NeurIPS
// 2021.
//
// Deviations: the rotation is in blocks, so that nothing is padded; the ring is
// large enough for every sum of updates, so that only noise could wrap around,
// unless it is given.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_DISTRIBUTED_NOISE_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_DISTRIBUTED_NOISE_H_

#include <cstdint>
#include <optional>
#include <variant>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/random.h"
#include "privacy/differential_privacy/bounded_rounding.h"
#include "privacy/differential_privacy/integer_noise.h"
#include "privacy/secure_aggregation/ring_vector.h"

namespace shoal::privacy {

enum class NoiseKind {
  kDiscreteGaussian,
  kSkellam,  // closed under sums
};

struct DistributedNoiseOptions {
  NoiseKind kind = NoiseKind::kDiscreteGaussian;
  // Standard deviation of the noise that honest members add together at least,
  // over the norm of an integer vector (BoundedRounding::bound).
  double noise_multiplier = 0;
  int64_t num_members = 0;    // of a group, as it begins
  int64_t min_survivors = 0;  // with fewer, nothing is unmasked
  // Of num_members: may tell their noise to the coordinator, or add none.
  double colluding_fraction = 0;
  // That a coordinate of any one sum wraps around because of its noise.
  double wrap_probability = 0x1p-40;
  // Instead of the smallest ring that holds every sum of updates, and noise but
  // for that probability: this one, and sums wrap around as often as they do
  // (FitToRing()). Not smaller than the quantiser's bits.
  std::optional<int> ring_bits = std::nullopt;
  bool operator==(const DistributedNoiseOptions&) const = default;
};

// INVALID_ARGUMENT, with the value, when an option is out of its range or no
// honest member may survive.
absl::Status CheckNoiseOptions(const DistributedNoiseOptions& options);

// Members whose noise counts: survivors at the threshold less the colluding.
// REQUIRES: valid options.
int64_t HonestShares(const DistributedNoiseOptions& options);

// Whether noise of so many steps of the grid can be drawn and, of discrete
// Gaussians, that of `num_members` adds up to one on vectors of that length.
// INVALID_ARGUMENT, with the value, when it cannot. What holds for two values
// holds for those between them.
absl::Status CheckShare(NoiseKind kind, int64_t num_members,
                        double share_stddev, int64_t length);

// The most memory that noise of so many steps takes to be drawn: tables, and
// the numbers that they are made from.
int64_t SamplerBytes(NoiseKind kind, double share_stddev);

// What the members of one group agree upon, and a member's part of it. A value
// type; thread-safe.
class DistributedNoise {
 public:
  // INVALID_ARGUMENT, with the value, when an option is out of its range, too
  // few honest members survive, a share's noise is smaller or larger than its
  // sampler draws, or sums need more than 64 bits.
  static absl::StatusOr<DistributedNoise> Create(
      const BoundedRounding& rounding, const DistributedNoiseOptions& options);

  const BoundedRounding& rounding() const { return rounding_; }
  const DistributedNoiseOptions& options() const { return options_; }
  int64_t num_honest_shares() const { return num_honest_shares_; }
  // Standard deviations in steps of the grid: of a member's noise, and of what
  // honest ones add together at least.
  double share_stddev() const { return share_stddev_; }
  double guaranteed_stddev() const;
  int ring_bits() const { return ring_bits_; }

  // Clips, rotates, rounds and adds this member's noise; `values` are working
  // space. An update that is not finite counts as zeros, with the same noise.
  // REQUIRES: rounding().length() values and elements, a ring of ring_bits().
  BoundedRounding::Rounded Encode(absl::Span<float> values,
                                  absl::string_view rotation_seed,
                                  SecureRng& rng,
                                  secure_aggregation::RingVector& out) const;

 private:
  using Sampler = std::variant<DiscreteGaussianSampler, SkellamSampler>;
  DistributedNoise(const BoundedRounding& rounding,
                   const DistributedNoiseOptions& options, int64_t shares,
                   double share_stddev, int ring_bits, Sampler sampler);

  BoundedRounding rounding_;
  DistributedNoiseOptions options_;
  int64_t num_honest_shares_;
  double share_stddev_;
  int ring_bits_;
  Sampler sampler_;
};

// How far, as the largest |log| of a ratio of probabilities, the sum of
// `num_shares` discrete Gaussians of `sigma` is from the one discrete Gaussian
// of sqrt(num_shares) sigma: 10 times the sum of exp(-2 pi^2 sigma^2 k / (k +
// 1)) for k < num_shares (Kairouz, Liu, Steinke 2021, theorem 1, tau).
double DiscreteGaussianSumGap(int64_t num_shares, double sigma);

// A bound on |sum| of `num_shares` shares of this standard deviation that holds
// but for `probability`, by Chernoff with the cumulants of Skellam noise, which
// are above those of discrete Gaussians.
double NoiseSumTail(int64_t num_shares, double share_stddev,
                    double probability);

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_DISTRIBUTED_NOISE_H_
