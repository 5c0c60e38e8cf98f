// Energy, power and current monitors: /sys/class/hwmon. INA219, INA226 and
// their kin show the power of one rail; the INA3221 of Jetson boards shows
// currents and voltages of three.
#ifndef SHOAL_CLIENT_METERS_HWMON_METER_H_
#define SHOAL_CLIENT_METERS_HWMON_METER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "client/meters/energy_meter.h"

namespace shoal::client {

struct HwmonOptions {
  // The driver's name in the file `name`; empty: every monitor whose name
  // begins with "ina", since those of other drivers rarely see the whole
  // device.
  std::string driver;
  // The channels to add up, by their labels; empty: the channel that feeds all
  // others where one is labelled so (VDD_IN), else all of them.
  std::vector<std::string> labels;
};

// NOT_FOUND names the monitors and labels that there are; UNAVAILABLE when a
// channel cannot be read. `clock` must outlive the meter.
absl::StatusOr<std::unique_ptr<EnergyMeter>> OpenHwmonMeter(
    const std::string& sysfs_root, const HwmonOptions& options,
    const Clock& clock);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_METERS_HWMON_METER_H_
