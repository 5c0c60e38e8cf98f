// What programs for devices have in the place of simulated_fleet.cc.
#include "learning/data/simulated_fleet.h"

namespace shoal::learning {
namespace {

absl::Status LeftOut() {
  return absl::UnimplementedError(
      "this program is built small, for devices: data and partitions of "
      "simulated fleets are left out");
}

}  // namespace

absl::StatusOr<std::unique_ptr<ExamplePool>> OpenSimulatedPool(
    const DataSource& /*source*/, int /*num_devices*/) {
  return LeftOut();
}

absl::StatusOr<std::unique_ptr<FederatedData>> OpenSyntheticDevices(
    const SyntheticSource& /*source*/, int /*num_devices*/) {
  return LeftOut();
}

absl::StatusOr<Shares> DivideForSimulation(const ExamplePool& /*pool*/,
                                           const PartitionKind& /*partition*/,
                                           int /*num_devices*/,
                                           uint64_t /*seed*/) {
  return LeftOut();
}

absl::StatusOr<std::unique_ptr<FederatedData>> SkewFeatures(
    std::unique_ptr<FederatedData> data, const Partition& partition,
    uint64_t /*seed*/) {
  const bool skewed = partition.feature_noise.has_value() ||
                      partition.rotation.has_value() ||
                      partition.drift.has_value();
  if (skewed) return LeftOut();
  return data;
}

}  // namespace shoal::learning
