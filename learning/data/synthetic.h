// Synthetic(alpha, beta): Li et al., "Federated Optimization in Heterogeneous
// Networks", MLSys 2020, section 5.1 and appendix C.1, with the details of the
// authors' program: 60 features, 10 classes. Device k has a model of its own,
//   y = argmax(x W_k + b_k),  W_k, b_k ~ N(u_k, 1),  u_k ~ N(0, alpha),
// and a distribution of its own,
//   x ~ N(v_k, diag(j^-1.2)),  v_k ~ N(B_k, 1),  B_k ~ N(0, beta),
// where alpha and beta are, as in that program, standard deviations, and has
//   n_k = floor(LogNormal(4, 2)) + 50 examples.
// `iid`: W, b ~ N(0, 1) and v = 0 for all devices.
// Of each device's examples, shuffled, the first floor(0.9 n_k) are for
// training; the rest are its own held-out ones.
#ifndef SHOAL_LEARNING_DATA_SYNTHETIC_H_
#define SHOAL_LEARNING_DATA_SYNTHETIC_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/data/data_source.h"

namespace shoal::learning {

// Up to this many devices are drawn as the published program draws them, one
// after the other from NumPy's generator (and shuffled by Python's): the same
// seed gives the very same examples, for 30 devices and float32 features.
inline constexpr int kPublishedSyntheticDevices = 1000;
// The test set are the held-out examples of all devices, or of so many, evenly
// spread, where there are more.
inline constexpr int kSyntheticTestDevices = 1000;

// Up to kPublishedSyntheticDevices, opening draws all examples once and keeps
// 5 KiB for each device. With more devices each has generators of its own, and
// nothing is kept: the same distributions, but other examples than of a smaller
// federation. Loading draws one device anew.
// INVALID_ARGUMENT for alpha or beta below 0 or above 1e6, for either of them
// with `iid`, or a seed of 2^32 or more.
absl::StatusOr<std::unique_ptr<FederatedData>> OpenSynthetic(
    const SyntheticSource& source, int num_devices);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_SYNTHETIC_H_
