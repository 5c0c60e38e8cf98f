// Updates as integers of a ring, whose sums are exact: what secure aggregation
// adds up, and what the plain sum of the same task adds up.
#ifndef SHOAL_PRIVACY_SECURE_AGGREGATION_QUANTISER_H_
#define SHOAL_PRIVACY_SECURE_AGGREGATION_QUANTISER_H_

#include <cstdint>

#include "absl/numeric/int128.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "privacy/secure_aggregation/ring_vector.h"

namespace shoal::secure_aggregation {

inline constexpr int kMaxQuantiserBits = 24;
inline constexpr double kMaxNormBound = 1e30;
inline constexpr int64_t kMaxQuantiserWeight = (int64_t{1} << 31) - 1;

struct QuantiserOptions {
  // L2 norm that updates are scaled down to, in [kMinClipNorm, kMaxNormBound].
  double norm_bound = 0;
  // The largest coordinate, after the rotation; larger ones become this. In
  // (0, norm_bound], where norm_bound means that none is larger, whatever the
  // update. Smaller is more exact: with a rotation, and an update whose blocks
  // have about the same norm, 6 norm_bound / sqrt(length) is exceeded by one
  // coordinate in 30 million.
  double coordinate_bound = 0;
  int bits = 16;  // per coordinate, in [2, kMaxQuantiserBits]
  bool rotate = false;
  int64_t max_weight = 1;  // in [1, kMaxQuantiserWeight]
  friend bool operator==(const QuantiserOptions&,
                         const QuantiserOptions&) = default;
};

// With q = 2^(bits-1) - 1 and the step D = coordinate_bound / q, a coordinate y
// becomes one of the two integers beside y / D, by chance such that its mean is
// y / D (stochastic rounding; the chance is a multiple of 2^-28), and is
// multiplied by the device's weight. Integers lie in [-q, q] by construction.
//
// The squared error of a coordinate within its bound is D^2 f (1 - f), where f
// is the fraction that is rounded away: at most D^2 / 4, and D^2 / 6 for an f
// that is spread evenly. That of the mean of several devices with weights w is
// at most D^2 / 4 * sum(w^2) / sum(w)^2 per coordinate, in the rotated
// coordinates as in the original ones, on average over them.
//
// A value type. Results are the same bits on every machine.
class Quantiser {
 public:
  // INVALID_ARGUMENT names the option that is out of its range.
  static absl::StatusOr<Quantiser> Create(const QuantiserOptions& options);

  const QuantiserOptions& options() const { return options_; }
  // The smallest difference of two quantised values.
  double step() const { return step_; }

  // The bits of the smallest ring that holds every sum of `num_members` vectors
  // of the largest weight and of a noise within [-noise_tail, noise_tail]:
  // without noise no sum wraps around, with noise it does with the probability
  // that the noise is larger. INVALID_ARGUMENT when 64 bits are not enough.
  absl::StatusOr<int> RingBits(int64_t num_members,
                               absl::uint128 noise_tail = 0) const;

  struct Seeds {
    absl::string_view rotation;  // of the round; empty without a rotation
    absl::string_view rounding;  // fresh and secret
  };
  // Writes the quantised `values`, which it uses as working space, times
  // `weight` to `out`, and returns their norm before it was bounded.
  // INVALID_ARGUMENT when a value is not finite or the weight is not in
  // [1, max_weight]. REQUIRES: out.length() values, seeds of kSeedBytes.
  absl::StatusOr<double> Quantise(absl::Span<float> values, int64_t weight,
                                  const Seeds& seeds, RingVector& out) const;

  // The two steps of Quantise(), for callers that round more than once. The
  // first scales `values` down to the norm bound and rotates them, and returns
  // their norm before; the second rounds what the first has made.
  absl::StatusOr<double> Prepare(absl::Span<float> values,
                                 absl::string_view rotation_seed) const;
  void Round(absl::Span<const float> prepared, int64_t weight,
             absl::string_view rounding_seed, RingVector& out) const;

  // The weighted mean that a sum of quantised vectors stands for.
  // INVALID_ARGUMENT unless total_weight >= 1. REQUIRES: sum.length() values in
  // `mean`.
  absl::Status DecodeMean(const RingVector& sum, absl::int128 total_weight,
                          absl::string_view rotation_seed,
                          absl::Span<double> mean) const;

 private:
  explicit Quantiser(const QuantiserOptions& options);

  QuantiserOptions options_;
  int64_t max_code_;
  double step_;
};

}  // namespace shoal::secure_aggregation

#endif  // SHOAL_PRIVACY_SECURE_AGGREGATION_QUANTISER_H_
