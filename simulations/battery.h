// The battery of a simulated device: drained by its own use and by what its
// sessions spend, charged while it is plugged in. Between two sessions its
// level follows from the one before and from the habit of charging alone, so
// that nothing has to happen, or to be kept, while a device is idle.
#ifndef SHOAL_SIMULATIONS_BATTERY_H_
#define SHOAL_SIMULATIONS_BATTERY_H_

#include <cstdint>

#include "absl/time/time.h"

namespace shoal::simulations {

class Population;

// By default there is none, and the device is on external power.
struct BatteryTraits {
  double capacity_joules = 0;  // 0: there is no battery
  double watts_drained = 0;    // by all that is not training, at all times
  double watts_charging = 0;   // from the charger, while it is plugged in

  bool exists() const { return capacity_joules > 0; }
};

// What is kept of a battery between sessions.
struct BatteryLevel {
  absl::Time time;
  double joules = 0;  // [0, capacity]
};

// Full, two days before the simulation begins: where habits have led to since
// then is where the battery starts.
BatteryLevel FirstLevel(const BatteryTraits& battery);

// The level of device `device` at `time`, with no session since `last`.
// REQUIRES: the battery exists. Linear in the chargings in between.
double LevelAt(const BatteryTraits& battery, const Population& population,
               int64_t device, const BatteryLevel& last, absl::Time time);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_BATTERY_H_
