// The kinds of correlated noise, for correlated_noise.cc alone.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_NOISE_MATRICES_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_NOISE_MATRICES_H_

#include <memory>

#include "absl/status/statusor.h"
#include "privacy/differential_privacy/correlated_noise.h"

namespace shoal::privacy {

// Without a key yet. INVALID_ARGUMENT as CorrelatedNoise::Create().
absl::StatusOr<std::unique_ptr<CorrelatedNoise>> MakeTreeNoise(
    const CorrelatedNoiseOptions& options, const TreeMatrix& tree);
absl::StatusOr<std::unique_ptr<CorrelatedNoise>> MakeBandedNoise(
    const CorrelatedNoiseOptions& options, const BandedMatrix& matrix);
absl::StatusOr<std::unique_ptr<CorrelatedNoise>> MakeBufferedNoise(
    const CorrelatedNoiseOptions& options, const BufferedMatrix& matrix);

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_NOISE_MATRICES_H_
