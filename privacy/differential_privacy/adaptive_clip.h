// A clip norm that follows a quantile of the devices' norms, learnt from a
// noisy count. Andrew, Thakkar, McMahan, Ramaswamy, "Differentially Private
// Learning with Adaptive Clipping", NeurIPS 2021, algorithm 1.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_ADAPTIVE_CLIP_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_ADAPTIVE_CLIP_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal::privacy {

struct AdaptiveClipOptions {
  double initial_clip_norm = 0.1;
  double target_quantile = 0.5;  // of norms that are not clipped, in [0, 1]
  double learning_rate = 0.2;    // of the logarithm, above 0
  // Standard deviation of the noise on the number of devices that are not
  // clipped; a twentieth of the cohort is plenty.
  double count_stddev = 0;
  // What counts are divided by: the planned cohort, whoever came.
  int64_t expected_devices = 0;
  bool operator==(const AdaptiveClipOptions&) const = default;
};

// One task's clip norm, round by round. A round's clip norm bounds its updates
// and sizes its noise; only afterwards does Update() move on to the next.
// Thread-compatible.
class AdaptiveClip {
 public:
  // INVALID_ARGUMENT names the option that is out of its range.
  static absl::StatusOr<AdaptiveClip> Create(
      const AdaptiveClipOptions& options);
  // Goes on from the bytes of Serialize(). DATA_LOSS for bytes that are none,
  // UNIMPLEMENTED for those of another version.
  static absl::StatusOr<AdaptiveClip> Restore(
      const AdaptiveClipOptions& options, absl::string_view state);

  const AdaptiveClipOptions& options() const { return options_; }
  double clip_norm() const { return clip_norm_; }
  int64_t num_updates() const { return num_updates_; }

  // What a device whose update has this L2 norm adds to the sum that Update()
  // takes: twice its indicator shifted by 1/2, which makes the count's
  // sensitivity 1/2 instead of 1. Deviation: zeros, and what is not finite and
  // counts as zeros, have no vote. Whether a device contributed them or nothing
  // is the same, so that 1/2 bounds what an update in their place changes.
  static int64_t Vote(double norm, double clip_norm);
  // Noise on that sum.
  double vote_stddev() const { return 2 * options_.count_stddev; }

  // Larger where fewer than the quantile were not clipped: C exp(-rate (b -
  // quantile)), b = 1/2 + votes / (2 expected_devices). Kept within
  // [1e-20, 1e20].
  void Update(int64_t noisy_votes);

  std::string Serialize() const;

 private:
  explicit AdaptiveClip(const AdaptiveClipOptions& options)
      : options_(options), clip_norm_(options.initial_clip_norm) {}

  AdaptiveClipOptions options_;
  double clip_norm_;
  int64_t num_updates_ = 0;
};

// The noise multiplier that is left for the values so that values and count
// together are as private as one Gaussian of `noise_multiplier`:
// (z^-2 - (2 count_stddev)^-2)^(-1/2), the paper's theorem 1. INVALID_ARGUMENT
// where the count alone is less private than that.
absl::StatusOr<double> ValueNoiseMultiplier(double noise_multiplier,
                                            double count_stddev);

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_ADAPTIVE_CLIP_H_
