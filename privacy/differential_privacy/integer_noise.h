// Noise on the integers, many values at a time.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_INTEGER_NOISE_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_INTEGER_NOISE_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/random.h"
#include "privacy/differential_privacy/fixed_point.h"
#include "privacy/differential_privacy/random_words.h"
#include "privacy/differential_privacy/threshold_table.h"

namespace shoal::privacy {

// Every draw below is within this distance (total variation) of the
// distribution it is named after: 2^20 values of a table are wrong by 2^-172,
// their weights by less, and the one comparison that the discrete Gaussian
// makes beside by 2^-190. A release of 2^40 coordinates in 2^20 rounds adds
// 2^-100 to delta.
inline constexpr double kSamplerDistance = 0x1p-160;

// P(k) ~ exp(-k^2 / (2 sigma^2)). All arithmetic is on integers.
//
// |k| = 2^m x + y, where x is a discrete half-normal of sigma 2^-m <= 128 from
// a table, y is uniform below 2^m, and the pair is kept with probability
// exp(-y (y + 2^(m+1) x) / (2 sigma^2)): Ducas, Durmus, Lepoint, Lyubashevsky,
// "Lattice Signatures and Bimodal Gaussians", CRYPTO 2013, algorithm 11, with a
// table for its base. The coin is decided by 1 - w <= e^-w <= 1 - w + w^2 / 2,
// and by 192 bits of e^-w where the uniform number is between these.
//
// Branches: the table's, the coin's, and another try where it fails (one in
// 150) or minus zero is drawn. Whoever measures the time of one draw learns
// about its size; a vector's time is a sum over its values. Immutable;
// thread-safe.
class DiscreteGaussianSampler {
 public:
  static constexpr double kMinSigma = 0x1p-7;
  static constexpr double kMaxSigma = 0x1p40;

  // INVALID_ARGUMENT unless sigma is in [kMinSigma, kMaxSigma].
  static absl::StatusOr<DiscreteGaussianSampler> Create(double sigma);

  double sigma() const { return sigma_; }
  int64_t Draw(RandomWords& words) const;
  void Fill(SecureRng& rng, absl::Span<int64_t> out) const;

 private:
  explicit DiscreteGaussianSampler(double sigma);
  bool Keep(uint64_t x, uint64_t y, RandomWords& words) const;
  bool KeepExactly(uint64_t x, uint64_t y, uint64_t first,
                   RandomWords& words) const;

  double sigma_;
  int shift_;                // m
  FixedPoint half_inverse_;  // 2^(2m) / (2 sigma^2)
  uint64_t fast_inverse_;    // the same times 2^76, rounded down
  std::shared_ptr<const ThresholdTable> table_;  // shared by copies
};

// P(k) = e^-v I_|k|(v), the difference of two Poisson variables of mean v / 2;
// v is its variance. Sums of such variables are such variables. From a table of
// this distribution itself; variances above 2^24 are sums of draws.
// Branches: the table's, and another try where minus zero is drawn. Immutable;
// thread-safe.
class SkellamSampler {
 public:
  static constexpr double kMinVariance = 0x1p-10;
  static constexpr double kMaxVariance = 0x1p30;

  // INVALID_ARGUMENT unless the variance is in [kMinVariance, kMaxVariance].
  static absl::StatusOr<SkellamSampler> Create(double variance);

  double variance() const { return variance_; }
  int64_t Draw(RandomWords& words) const;
  void Fill(SecureRng& rng, absl::Span<int64_t> out) const;

 private:
  explicit SkellamSampler(double variance);

  double variance_;
  int num_parts_;
  std::shared_ptr<const ThresholdTable> table_;  // shared by copies
};

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_INTEGER_NOISE_H_
