// Devices that are there to be found. A canary sends the same vector in every
// round in which it takes part, a direction of its own as long as the clip
// norm; or it is held out. Whoever can tell the two apart from the models knows
// more about a device than differential privacy lets through.
#ifndef SHOAL_SIMULATIONS_AUDIT_CANARIES_H_
#define SHOAL_SIMULATIONS_AUDIT_CANARIES_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "privacy/accounting/privacy_event.h"
#include "simulations/population.h"

namespace shoal::simulations {

struct CanaryOptions {
  int64_t count = 0;           // >= 1
  int64_t num_parameters = 0;  // of an update
  double norm = 0;             // L2 of what one sends that is in the run
  // What one sends that is held out, so that the two are neighbours as the task
  // claims: zeros for add_remove, and the opposite for replace_one.
  privacy::Adjacency adjacency = privacy::Adjacency::kAddRemove;
  uint64_t seed = 0;
};

// Their directions and coins, functions of the seed alone. Directions are
// corners of a cube, ± 1 / √num_parameters in every value, which need no
// memory; those of two canaries are nearly at right angles. Thread-safe.
class Canaries {
 public:
  explicit Canaries(const CanaryOptions& options) : options_(options) {}

  int64_t count() const { return options_.count; }
  // A fair coin.
  bool is_in(int64_t canary) const;
  // What it sends. REQUIRES: num_parameters zeros.
  void Write(int64_t canary, absl::Span<float> update) const;
  // The inner product of a vector with its direction. REQUIRES: num_parameters
  // values.
  double Along(int64_t canary, absl::Span<const double> values) const;

 private:
  uint64_t DirectionSeed(int64_t canary) const;

  const CanaryOptions options_;
};

// The devices of another population, and canaries behind them: each has the
// traits, the times and the number of examples of one of the devices, which are
// taken in turn, and so comes as often.
class FleetWithCanaries final : public Population {
 public:
  // `fleet` must outlive it.
  FleetWithCanaries(const Population& fleet, int64_t num_canaries)
      : fleet_(fleet), num_canaries_(num_canaries) {}

  bool is_canary(int64_t device) const {
    return device >= fleet_.num_devices();
  }
  // REQUIRES: is_canary(device).
  int64_t canary(int64_t device) const { return device - fleet_.num_devices(); }

  int64_t num_devices() const override {
    return fleet_.num_devices() + num_canaries_;
  }
  const learning::DataShape& shape() const override { return fleet_.shape(); }
  int64_t num_examples(int64_t device) const override {
    return fleet_.num_examples(Like(device));
  }
  absl::StatusOr<std::shared_ptr<const learning::Dataset>> Load(
      int64_t device, const learning::Moment& moment) const override {
    return fleet_.Load(Like(device), moment);
  }
  DeviceTraits TraitsOf(int64_t device) const override {
    return fleet_.TraitsOf(Like(device));
  }
  absl::Time AvailableUntil(int64_t device, absl::Time now) const override {
    return fleet_.AvailableUntil(Like(device), now);
  }
  absl::Time NextAvailable(int64_t device, absl::Time now) const override {
    return fleet_.NextAvailable(Like(device), now);
  }
  absl::Time PluggedInUntil(int64_t device, absl::Time now) const override {
    return fleet_.PluggedInUntil(Like(device), now);
  }
  absl::Time NextPluggedIn(int64_t device, absl::Time now) const override {
    return fleet_.NextPluggedIn(Like(device), now);
  }

 private:
  int64_t Like(int64_t device) const { return device % fleet_.num_devices(); }

  const Population& fleet_;
  const int64_t num_canaries_;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_AUDIT_CANARIES_H_
