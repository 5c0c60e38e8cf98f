// What makes the features of devices differ, and what changes over time, on top
// of any partition.
#ifndef SHOAL_LEARNING_DATA_FEATURE_SKEW_H_
#define SHOAL_LEARNING_DATA_FEATURE_SKEW_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learning/data/data_source.h"

namespace shoal::learning {

// How far the change has come, in [0, 1] (partition_spec.h).
double DriftProgress(const DriftSchedule& schedule, const Moment& moment);

// Feature noise: Li et al., "Federated Learning on Non-IID Data Silos: An
// Experimental Study", ICDE 2022, section 4.1.2: party i of N, from 1, adds
// noise from N(0, sigma i / N), which is its variance. Deviations from the
// authors' program, which takes sigma (i - 1) / (N - 1) for the standard
// deviation and draws anew whenever an example is read: here an example's noise
// is the same every time. As there, the test set has none, nor have the test
// examples of devices.
//
// Rotation: with groups as in Ghosh et al., "An Efficient Framework for
// Clustered Federated Learning", NeurIPS 2020, section 6.1 (four groups, turned
// by 0, 90, 180 and 270 degrees). Device k is in group k mod groups. Test
// examples turn as well: a device's own as its training examples do; example i
// of the whole test set as those of device i mod N.
//
// Drift of labels: a share `labels` * progress of each device's examples,
// the same ones whatever the moment, are those of the next device (the last
// one's next is the first) and no longer its own. At every moment each example
// is on one device, and each device has one at least. What changes is whatever
// the partition made different: labels, and where devices are natural ones
// features as well. No published benchmark has this; it is the mixing of two
// distributions of Zhu et al., "Diurnal or Nocturnal? Federated Learning of
// Multi-branch Networks from Periodically Shifting Distributions", ICLR 2022,
// with the fleet's own data for both. Test sets stay as they are.
//
// Drift of features: images turn by `rotation_degrees` * progress more, and
// Gaussian noise of variance `noise` * progress is added; test sets as well.
//
// All of it is a function of (data, partition, seed, device, moment).
// INVALID_ARGUMENT when a number is out of its range (partition_spec.h), when
// features that are no images shall turn, or tokens shall have noise.
// REQUIRES: one of the three is there.
absl::StatusOr<std::unique_ptr<FederatedData>> MakeSkewed(
    std::unique_ptr<FederatedData> data, const Partition& partition,
    uint64_t seed);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_FEATURE_SKEW_H_
