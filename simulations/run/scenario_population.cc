#include "simulations/run/scenario_population.h"

#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "client/agent/agent_limits.h"
#include "client/device_limits.h"
#include "simulations/device_classes.h"
#include "simulations/run/device_catalogue.h"

namespace shoal::simulations {
namespace {

int64_t BytesOf(const learning::Dataset& data) {
  return data.num_examples() *
         (data.num_features() + data.num_targets() +
          data.labels_per_example()) *
         static_cast<int64_t>(sizeof(float));
}

absl::Duration SinceStart(absl::Time time) { return time - absl::UnixEpoch(); }
absl::Time AtTime(absl::Duration since_start) {
  return absl::UnixEpoch() + since_start;
}

}  // namespace

DataCache::Data DataCache::Find(int64_t device) {
  MutexLock lock(mutex_);
  const auto found = entries_.find(device);
  if (found == entries_.end()) return nullptr;
  uses_.splice(uses_.begin(), uses_, found->second.use);
  return found->second.data;
}

void DataCache::Keep(int64_t device, const Data& data) {
  const int64_t num_bytes = BytesOf(*data);
  if (num_bytes > max_bytes_) return;
  MutexLock lock(mutex_);
  // Another thread may have been faster.
  if (entries_.contains(device)) return;
  uses_.push_front(device);
  entries_[device] = {data, num_bytes, uses_.begin()};
  num_bytes_ += num_bytes;
  while (num_bytes_ > max_bytes_) {
    const auto oldest = entries_.find(uses_.back());
    num_bytes_ -= oldest->second.num_bytes;
    entries_.erase(oldest);
    uses_.pop_back();
  }
}

absl::StatusOr<std::unique_ptr<ScenarioPopulation>> ScenarioPopulation::Create(
    const configuration::Scenario& scenario,
    const learning::FederatedData& data) {
  std::unique_ptr<ScenarioPopulation> population(
      new ScenarioPopulation(scenario, data));
  population->class_of_ = AssignClasses(scenario);
  std::vector<configuration::DeviceClass> classes = scenario.classes;
  if (classes.empty()) classes.push_back(DefaultDeviceClass());
  for (configuration::DeviceClass& model : classes) {
    Kind kind;
    kind.traits = simulations::TraitsOf(model);
    const auto number = static_cast<uint64_t>(population->kinds_.size());
    SHOAL_ASSIGN_OR_RETURN(
        kind.availability,
        Availability::Make(
            model.availability,
            DeriveSeed(scenario.seed, "availability", {number})));
    if (model.limits.has_value()) {
      const auto limits =
          client::LimitsOptionsFrom(client::DeviceLimitsFrom(*model.limits));
      if (!limits.ok()) {
        return absl::InvalidArgumentError(
            absl::StrCat("population.devices_model.mix: class ", model.name,
                         ": ", limits.status().message()));
      }
      kind.limits = std::make_unique<client::LimitsOptions>(*limits);
      kind.traits.limits = kind.limits.get();
    }
    kind.model = std::move(model);
    population->kinds_.push_back(std::move(kind));
  }
  return population;
}

absl::StatusOr<std::shared_ptr<const learning::Dataset>>
ScenarioPopulation::Load(int64_t device, const learning::Moment& moment) const {
  const int number = static_cast<int>(device);
  if (data_.drifts()) {
    SHOAL_ASSIGN_OR_RETURN(auto loaded, data_.LoadDeviceAt(number, moment));
    return std::shared_ptr<const learning::Dataset>(std::move(loaded));
  }
  if (auto kept = cache_.Find(device); kept != nullptr) return kept;
  SHOAL_ASSIGN_OR_RETURN(auto loaded, data_.LoadDevice(number));
  const DataCache::Data data = std::move(loaded);
  cache_.Keep(device, data);
  return data;
}

DeviceTraits ScenarioPopulation::TraitsOf(int64_t device) const {
  const Kind& kind = kinds_[KindOf(device)];
  DeviceTraits traits = kind.traits;
  if (kind.model.spread > 0) {
    SeededRng rng(DeriveSeed(seed_, "traits", {static_cast<uint64_t>(device)}));
    const auto factor = [&] {
      return std::exp(kind.model.spread * rng.Normal());
    };
    traits.compute.flops_per_second *= factor();
    const double link = factor();
    traits.link.down_bytes_per_second *= link;
    traits.link.up_bytes_per_second *= link;
  }
  return traits;
}

absl::Time ScenarioPopulation::AvailableUntil(int64_t device,
                                              absl::Time now) const {
  return AtTime(
      kinds_[KindOf(device)].availability->Until(device, SinceStart(now)));
}

absl::Time ScenarioPopulation::NextAvailable(int64_t device,
                                             absl::Time now) const {
  return AtTime(
      kinds_[KindOf(device)].availability->Next(device, SinceStart(now)));
}

}  // namespace shoal::simulations
