// What FederatedData::Open() needs for simulated fleets alone: sources that are
// benchmarks, partitions that real devices do not have. Programs that are built
// small for devices (SHOAL_SMALL) do without: there all of it is UNIMPLEMENTED.
#ifndef SHOAL_LEARNING_DATA_SIMULATED_FLEET_H_
#define SHOAL_LEARNING_DATA_SIMULATED_FLEET_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "learning/data/data_source.h"
#include "learning/data/example_pool.h"
#include "learning/data/shares.h"

namespace shoal::learning {

// Synthetic, NumPy arrays, UCI HAR, CIFAR-10, EMNIST, LEAF. REQUIRES: one of
// these.
absl::StatusOr<std::unique_ptr<ExamplePool>> OpenSimulatedPool(
    const DataSource& source, int num_devices);

// Synthetic by nature: one device after the other, when it is asked for.
absl::StatusOr<std::unique_ptr<FederatedData>> OpenSyntheticDevices(
    const SyntheticSource& source, int num_devices);

// Every partition but iid, dirichlet and natural. REQUIRES: one of these.
absl::StatusOr<Shares> DivideForSimulation(const ExamplePool& pool,
                                           const PartitionKind& partition,
                                           int num_devices, uint64_t seed);

// `data` with the feature skews and the drift of `partition`; `data` itself
// when it has none.
absl::StatusOr<std::unique_ptr<FederatedData>> SkewFeatures(
    std::unique_ptr<FederatedData> data, const Partition& partition,
    uint64_t seed);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_SIMULATED_FLEET_H_
