// Bounds what one device can change: scales an update down to a norm.
// Abadi et al., "Deep Learning with Differential Privacy", CCS 2016,
// algorithm 1, "clip gradient", applied to a device's whole update as in
// McMahan et al., "Learning Differentially Private Recurrent Language Models",
// ICLR 2018.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CLIPPING_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CLIPPING_H_

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

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_CLIPPING_H_
