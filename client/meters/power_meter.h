// A meter that adds up power over time.
#ifndef SHOAL_CLIENT_METERS_POWER_METER_H_
#define SHOAL_CLIENT_METERS_POWER_METER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "client/meters/energy_meter.h"

namespace shoal::client {

// One rail. Either a file of microwatts or two files whose product is
// (milliamperes times millivolts).
struct PowerSensor {
  std::string power_path;
  std::string current_path;  // used when power_path is empty
  std::string voltage_path;
};

// Watts; negative where current flows back. UNAVAILABLE when a file cannot be
// read, holds -1 (what drivers show for "not known") or more than kMostWatts.
absl::StatusOr<double> ReadWatts(const PowerSensor& sensor);

// Reads every sensor once: UNAVAILABLE when one cannot be read. What flows
// back counts as nothing. `clock` must outlive the meter. REQUIRES: at least
// one sensor.
absl::StatusOr<std::unique_ptr<EnergyMeter>> MakePowerMeter(
    std::string name, std::vector<PowerSensor> sensors, const Clock& clock);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_METERS_POWER_METER_H_
