// The partitions of published benchmarks that only simulated fleets need. As in
// partition.h, SeededRng decides everything.
#ifndef SHOAL_LEARNING_DATA_FLEET_PARTITION_H_
#define SHOAL_LEARNING_DATA_FLEET_PARTITION_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learning/data/shares.h"

namespace shoal::learning {

// McMahan et al., "Communication-Efficient Learning of Deep Networks from
// Decentralized Data", AISTATS 2017, section 3: examples sorted by label (in
// the order of their numbers where that is equal) are cut into num_devices *
// per_device shards, and each device gets `per_device` random ones. Deviation:
// where the number of shards does not divide that of the examples, the sizes
// of shards differ by one, and no example is left out.
// INVALID_ARGUMENT when there are fewer examples than shards.
absl::StatusOr<Shares> DivideByShards(absl::Span<const int32_t> labels,
                                      int per_device, int num_devices,
                                      uint64_t seed);

// "#C = k" of Li et al., "Federated Learning on Non-IID Data Silos: An
// Experimental Study", ICDE 2022, section 4.1.1: device i has class i mod C and
// per_device - 1 further ones, drawn without replacement; the shuffled examples
// of a class are cut into equal parts for the devices that have it. C counts
// the classes that have examples.
// Deviations: while there are fewer devices than classes, further classes are
// drawn first from those that nobody has, because otherwise their examples
// would be lost; a device whose classes are too small to give it an example
// gets a random one of the largest device.
// INVALID_ARGUMENT when per_device is not in [1, C], num_devices * per_device
// is less than C, or there are fewer examples than devices.
absl::StatusOr<Shares> DivideByClasses(absl::Span<const int32_t> labels,
                                       int num_classes, int per_device,
                                       int num_devices, uint64_t seed);

// Skew of amounts: a random permutation is cut in the proportions of weights
// that are drawn for the devices, so that labels fall at random. Those below
// LeastShare() get random examples of the largest.
// INVALID_ARGUMENT when the parameter is out of its range (partition_spec.h) or
// there are fewer examples than devices.
//
// Weights from a symmetric Dirichlet distribution: Li et al. ICDE 2022, section
// 4.1.3. (There all is drawn again until each device has 10 examples.)
absl::StatusOr<Shares> DivideByDirichletSizes(int64_t num_examples,
                                              double alpha, int num_devices,
                                              uint64_t seed);
// Weights whose logarithms are normal with deviation `sigma`, as Acar et al.,
// "Federated Learning Based on Dynamic Regularization", ICLR 2021, section 4,
// have it for unbalanced data.
absl::StatusOr<Shares> DivideByLognormalSizes(int64_t num_examples,
                                              double sigma, int num_devices,
                                              uint64_t seed);
// Weights with the density (a - 1) w^-a for w >= 1, where a is `exponent`
// (Pareto's distribution): amounts follow a power law, as Li et al., "Federated
// Optimization in Heterogeneous Networks", MLSys 2020, section 5.1, say of
// theirs. Deviation: the program of that paper draws log-normal amounts.
absl::StatusOr<Shares> DivideByPowerLawSizes(int64_t num_examples,
                                             double exponent, int num_devices,
                                             uint64_t seed);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_FLEET_PARTITION_H_
