#include "simulations/population.h"

#include "base/check.h"

namespace shoal::simulations {

InMemoryPopulation::InMemoryPopulation(
    std::vector<const learning::Dataset*> devices,
    std::vector<int64_t> memory_bytes)
    : devices_(std::move(devices)), memory_bytes_(std::move(memory_bytes)) {
  SHOAL_CHECK(!devices_.empty());
  SHOAL_CHECK(memory_bytes_.empty() || memory_bytes_.size() == devices_.size());
  const learning::Dataset& first = *devices_[0];
  shape_.num_features = first.num_features();
  shape_.num_classes = first.num_classes();
  shape_.labels_per_example = first.labels_per_example();
  shape_.num_targets = first.num_targets();
}

absl::StatusOr<std::shared_ptr<const learning::Dataset>>
InMemoryPopulation::Load(int64_t device, const learning::Moment&) const {
  // Nobody's to delete.
  return std::shared_ptr<const learning::Dataset>(
      std::shared_ptr<const learning::Dataset>(), devices_[device]);
}

DeviceTraits InMemoryPopulation::TraitsOf(int64_t device) const {
  DeviceTraits traits;
  if (!memory_bytes_.empty()) traits.memory_bytes = memory_bytes_[device];
  return traits;
}

int32_t ExampleShape::label(int64_t) const { SHOAL_CHECK(false); }

void ExampleShape::CopyFeatures(int64_t, absl::Span<float>) const {
  SHOAL_CHECK(false);
}

}  // namespace shoal::simulations
