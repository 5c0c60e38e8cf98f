// Noise of a device that hides its update by itself, before it leaves the
// device: discrete Gaussian, Canonne, Kamath, Steinke, "The Discrete Gaussian
// for Differential Privacy", NeurIPS 2020, on a grid of 2^-19 of the clip norm.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_UPDATE_NOISE_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_UPDATE_NOISE_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/random.h"
#include "privacy/differential_privacy/distributed_noise.h"

namespace shoal::privacy {

// A group of one member. A value type; thread-safe.
class UpdateNoise {
 public:
  // The event of an update is a Gaussian of `noise_multiplier`, above 0.
  // INVALID_ARGUMENT, with the value, for what is out of its range, such as
  // noise of less than 4 steps of the grid.
  static absl::StatusOr<UpdateNoise> Create(double clip_norm, int64_t length,
                                            double noise_multiplier);

  // Clips, rounds to the grid and adds noise. An update that is not finite
  // counts as zeros, with the same noise. REQUIRES: as many values as the
  // length.
  void Apply(absl::Span<float> values, SecureRng& rng) const;

  // No L2 norm that Apply() leaves is above it but for a probability of 2^-46.
  double NormBound() const;
  // That Apply() takes beside the values.
  int64_t WorkingBytes() const;

 private:
  explicit UpdateNoise(const DistributedNoise& noise) : noise_(noise) {}

  DistributedNoise noise_;
};

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_UPDATE_NOISE_H_
