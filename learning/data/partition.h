// How the examples of a pool fall onto devices. All of it is decided by
// SeededRng: the same on every machine.
#ifndef SHOAL_LEARNING_DATA_PARTITION_H_
#define SHOAL_LEARNING_DATA_PARTITION_H_

#include <cstdint>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learning/data/shares.h"

namespace shoal::learning {

// A random permutation, cut into parts whose sizes differ by at most one.
// INVALID_ARGUMENT when there are fewer examples than devices.
absl::StatusOr<Shares> DivideEvenly(int64_t num_examples, int num_devices,
                                    uint64_t seed);

// Skew of classes, or of other groups: Yurochkin et al., "Bayesian
// Nonparametric Federated Learning of Neural Networks", ICML 2019, section 4
// (each class falls onto the devices in proportions drawn from a symmetric
// Dirichlet distribution), with the balance rule of Li et al., "Federated
// Learning on Non-IID Data Silos: An Experimental Study", ICDE 2022 (a device
// that holds its even part already gets nothing of the next class).
// Deviation: where those draw everything again until each device has 10
// examples, which for many devices never happens, devices below the minimum
// get random examples of the largest ones (LeastShare).
// INVALID_ARGUMENT when alpha is not positive and finite, or there are fewer
// examples than devices.
absl::StatusOr<Shares> DivideByDirichlet(absl::Span<const int32_t> groups,
                                         int num_groups, double alpha,
                                         int num_devices, uint64_t seed);

// Consecutive examples, in parts whose sizes differ by at most one.
// INVALID_ARGUMENT when there are fewer examples than devices.
absl::StatusOr<Shares> DivideInOrder(int64_t num_examples, int num_devices);

// Natural devices stay whole: natural device k goes to device k mod
// num_devices. INVALID_ARGUMENT names both numbers when there are fewer than
// num_devices. REQUIRES: owners in [0, natural_devices), each with an example.
absl::StatusOr<Shares> DivideByOwner(absl::Span<const int32_t> owners,
                                     int natural_devices, int num_devices);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_PARTITION_H_
