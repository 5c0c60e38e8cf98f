#include "learning/data/simulated_fleet.h"

#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "learning/data/cifar10.h"
#include "learning/data/feature_skew.h"
#include "learning/data/fleet_partition.h"
#include "learning/data/har.h"
#include "learning/data/idx.h"
#include "learning/data/leaf.h"
#include "learning/data/npy_source.h"
#include "learning/data/pool_of_devices.h"
#include "learning/data/synthetic.h"

namespace shoal::learning {

absl::StatusOr<std::unique_ptr<ExamplePool>> OpenSimulatedPool(
    const DataSource& source, int num_devices) {
  if (const auto* synthetic = std::get_if<SyntheticSource>(&source.kind)) {
    SHOAL_ASSIGN_OR_RETURN(auto devices,
                           OpenSynthetic(*synthetic, num_devices));
    return PoolOfDevices(std::move(devices));
  }
  if (const auto* npy = std::get_if<NpySource>(&source.kind)) {
    return OpenNpySource(*npy);
  }
  if (const auto* har = std::get_if<HarSource>(&source.kind)) {
    return OpenHar(har->path);
  }
  if (const auto* cifar = std::get_if<Cifar10Source>(&source.kind)) {
    return OpenCifar10(cifar->path);
  }
  if (const auto* emnist = std::get_if<EmnistSource>(&source.kind)) {
    return OpenEmnist(emnist->path, emnist->split);
  }
  return OpenLeaf(std::get<LeafSource>(source.kind).path);
}

absl::StatusOr<std::unique_ptr<FederatedData>> OpenSyntheticDevices(
    const SyntheticSource& source, int num_devices) {
  return OpenSynthetic(source, num_devices);
}

absl::StatusOr<Shares> DivideForSimulation(const ExamplePool& pool,
                                           const PartitionKind& partition,
                                           int num_devices, uint64_t seed) {
  const auto* shards = std::get_if<ShardsPartition>(&partition);
  const auto* classes = std::get_if<ClassesPartition>(&partition);
  if ((shards != nullptr || classes != nullptr) && pool.groups().empty()) {
    return absl::InvalidArgumentError(
        "a partition by shards or classes needs a class or a target of every "
        "example, which a text has not: choose the partition iid or natural");
  }
  if (shards != nullptr) {
    return DivideByShards(pool.groups(), shards->per_device, num_devices, seed);
  }
  if (classes != nullptr) {
    return DivideByClasses(pool.groups(), pool.num_groups(),
                           classes->per_device, num_devices, seed);
  }
  const int64_t num_examples = pool.num_examples();
  if (const auto* amounts = std::get_if<DirichletSizesPartition>(&partition)) {
    return DivideByDirichletSizes(num_examples, amounts->alpha, num_devices,
                                  seed);
  }
  if (const auto* amounts = std::get_if<LognormalSizesPartition>(&partition)) {
    return DivideByLognormalSizes(num_examples, amounts->sigma, num_devices,
                                  seed);
  }
  return DivideByPowerLawSizes(
      num_examples, std::get<PowerLawSizesPartition>(partition).exponent,
      num_devices, seed);
}

absl::StatusOr<std::unique_ptr<FederatedData>> SkewFeatures(
    std::unique_ptr<FederatedData> data, const Partition& partition,
    uint64_t seed) {
  const bool skewed = partition.feature_noise.has_value() ||
                      partition.rotation.has_value() ||
                      partition.drift.has_value();
  if (!skewed) return data;
  return MakeSkewed(std::move(data), partition, seed);
}

}  // namespace shoal::learning
