// The devices of a simulation: what they hold, and what they are. A device
// costs nothing until it takes part.
#ifndef SHOAL_SIMULATIONS_POPULATION_H_
#define SHOAL_SIMULATIONS_POPULATION_H_

#include <cstdint>
#include <limits>
#include <memory>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/limits/energy_model.h"
#include "client/limits/limits.h"
#include "learning/data/data_source.h"
#include "learning/dataset.h"
#include "simulations/battery.h"
#include "simulations/deferred_training.h"
#include "simulations/in_process_transport.h"

namespace shoal::simulations {

// What a device is. By default it computes and sends at once, for nothing.
struct DeviceTraits {
  ComputePace compute = {.flops_per_second =
                             std::numeric_limits<double>::infinity()};
  LinkPace link;
  client::EnergyCoefficients energy = {};  // what its work truly costs
  int64_t memory_bytes = 0;                // for training; 0: not limited
  // Chance that a session in which it trains ends without a word.
  double failure_rate = 0;
  BatteryTraits battery = {};
  // Budgets and conditions; null: it keeps to none.
  const client::LimitsOptions* limits = nullptr;
  bool has_meter = true;  // of energy; without one it is calculated
};

// Devices are numbered from 0. Thread-safe, and a pure function of its
// arguments: what it answers depends on nothing that was asked before.
class Population {
 public:
  virtual ~Population() = default;

  virtual int64_t num_devices() const = 0;
  // What the examples of every device look like.
  virtual const learning::DataShape& shape() const = 0;
  virtual int64_t num_examples(int64_t device) const = 0;
  // As they are at that moment, where they change.
  virtual absl::StatusOr<std::shared_ptr<const learning::Dataset>> Load(
      int64_t device, const learning::Moment& moment) const = 0;
  virtual DeviceTraits TraitsOf(int64_t device) const = 0;
  // Until when a device that is available now stays so; `now` when it is not.
  virtual absl::Time AvailableUntil(int64_t /*device*/,
                                    absl::Time /*now*/) const {
    return absl::InfiniteFuture();
  }
  // When a device is available next; `now` when it is.
  virtual absl::Time NextAvailable(int64_t /*device*/, absl::Time now) const {
    return now;
  }
  // The same of the charger. Asked of devices with a battery alone, and of
  // times before the start, too.
  virtual absl::Time PluggedInUntil(int64_t /*device*/,
                                    absl::Time /*now*/) const {
    return absl::InfiniteFuture();
  }
  virtual absl::Time NextPluggedIn(int64_t /*device*/, absl::Time now) const {
    return now;
  }
};

// Of data sets that are in memory, which must outlive it.
class InMemoryPopulation final : public Population {
 public:
  // `memory_bytes`: for training on device 0, 1, …; empty: not limited.
  // REQUIRES: at least one device; as many limits as devices, if any.
  explicit InMemoryPopulation(std::vector<const learning::Dataset*> devices,
                              std::vector<int64_t> memory_bytes = {});

  int64_t num_devices() const override {
    return static_cast<int64_t>(devices_.size());
  }
  const learning::DataShape& shape() const override { return shape_; }
  int64_t num_examples(int64_t device) const override {
    return devices_[device]->num_examples();
  }
  absl::StatusOr<std::shared_ptr<const learning::Dataset>> Load(
      int64_t device, const learning::Moment& moment) const override;
  DeviceTraits TraitsOf(int64_t device) const override;

 private:
  const std::vector<const learning::Dataset*> devices_;
  const std::vector<int64_t> memory_bytes_;
  learning::DataShape shape_;
};

// The examples of a device as far as its session asks for them: how many there
// are and what they look like. Reading one is a bug.
class ExampleShape final : public learning::Dataset {
 public:
  // `like` must outlive it.
  ExampleShape(const learning::DataShape& like, int64_t num_examples)
      : like_(like), num_examples_(num_examples) {}

  int64_t num_examples() const override { return num_examples_; }
  int num_features() const override { return like_.num_features; }
  int num_classes() const override { return like_.num_classes; }
  int labels_per_example() const override { return like_.labels_per_example; }
  int num_targets() const override { return like_.num_targets; }
  int32_t label(int64_t index) const override;
  void CopyFeatures(int64_t index, absl::Span<float> out) const override;

 private:
  const learning::DataShape& like_;
  const int64_t num_examples_;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_POPULATION_H_
