// What this device spends, in joules, as far as anything on it can tell.
#ifndef SHOAL_CLIENT_METERS_ENERGY_METER_H_
#define SHOAL_CLIENT_METERS_ENERGY_METER_H_

#include <functional>
#include <string>
#include <utility>

#include "absl/status/statusor.h"

namespace shoal::client {

// One thread. Successful readings allocate nothing: they are taken between
// mini-batches.
class EnergyMeter {
 public:
  virtual ~EnergyMeter() = default;

  // Joules since the meter was made; never falls. UNAVAILABLE says which file
  // holds what, and what was expected: the energy since the last reading is
  // not known then and is missing from later ones. The next call may succeed.
  virtual absl::StatusOr<double> Joules() = 0;

  // Whether readings move in steps of many joules, as battery gauges do: good
  // for checking a calculation, not for learning from.
  virtual bool coarse() const { return false; }

  // For people: "powercap (package-0, dram)".
  virtual std::string name() const = 0;
};

// Asks the embedder: on platforms where only its own code can tell.
class CallbackMeter final : public EnergyMeter {
 public:
  // `joules` returns what Joules() does, from any start.
  explicit CallbackMeter(std::function<absl::StatusOr<double>()> joules)
      : joules_(std::move(joules)) {}

  // UNAVAILABLE when the callback returns an error, what is not finite, or
  // less than before.
  absl::StatusOr<double> Joules() override;
  std::string name() const override { return "callback"; }

 private:
  const std::function<absl::StatusOr<double>()> joules_;
  bool has_last_ = false;
  double last_ = 0;  // of the callback
  double total_ = 0;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_METERS_ENERGY_METER_H_
