// Bounds what one device can change: scales an update down to a norm.
// Abadi et al., "Deep Learning with Differential Privacy", CCS 2016,
// algorithm 1, "clip gradient", applied to a device's whole update as in
// McMahan et al., "Learning Differentially Private Recurrent Language Models",
// ICLR 2018.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CLIPPING_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CLIPPING_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace shoal::privacy {

// Below this, denormal values would make the promise of ClipL2 wrong.
inline constexpr double kMinClipNorm = 1e-30;

// The L2 norm, summed in double: squares of floats are exact there and cannot
// overflow. The same bits on every machine. Not finite exactly when a value is
// not.
double NormL2(absl::Span<const float> values);

// Scales `values` so that NormL2 of them is at most `clip_norm`, also after
// rounding to float (the factor is 2^-23 smaller than clip_norm / norm for
// that); leaves them alone when it is already. Returns the norm before.
// INVALID_ARGUMENT, with `values` unchanged, when one of them is not finite or
// `clip_norm` is not a finite number of at least kMinClipNorm.
absl::StatusOr<double> ClipL2(absl::Span<float> values, double clip_norm);

// A part of an update, such as the parameters of one layer, with a norm of its
// own: McMahan et al. 2018, "per-layer clipping".
struct LayerClip {
  int64_t length = 0;
  double clip_norm = 0;
  bool operator==(const LayerClip&) const = default;
};

// What all layers together are clipped to, the sensitivity that counts: the L2
// norm of their norms.
double JointClipNorm(absl::Span<const LayerClip> layers);

// Clips every layer by itself and returns the norms before. INVALID_ARGUMENT,
// with all of `values` unchanged, when lengths do not add up to the values', or
// as ClipL2.
absl::StatusOr<std::vector<double>> ClipLayersL2(
    absl::Span<float> values, absl::Span<const LayerClip> layers);

// How a mechanism bounds updates, as one norm that noise is sized for. A value
// type; thread-safe.
class ClipRule {
 public:
  // INVALID_ARGUMENT unless norms are finite and at least kMinClipNorm.
  static absl::StatusOr<ClipRule> Create(double clip_norm);
  static absl::StatusOr<ClipRule> Create(std::vector<LayerClip> layers);

  double clip_norm() const { return clip_norm_; }  // of all layers together
  // Clips, and returns the L2 norm of before. Values of which one is not finite
  // become zeros, and there is no norm. REQUIRES: as many values as layers say.
  std::optional<double> Apply(absl::Span<float> values) const;

 private:
  ClipRule(double clip_norm, std::vector<LayerClip> layers)
      : clip_norm_(clip_norm), layers_(std::move(layers)) {}

  double clip_norm_;
  std::vector<LayerClip> layers_;  // empty: the update is one
};

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CLIPPING_H_
