// Batteries and chargers: /sys/class/power_supply. Every field is optional
// there, and drivers disagree on the sign of currents: only the status says
// which way they flow.
#ifndef SHOAL_CLIENT_METERS_POWER_SUPPLY_H_
#define SHOAL_CLIENT_METERS_POWER_SUPPLY_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"

namespace shoal::client {

// The folders of this device's batteries; those of mice and the like do not
// count.
std::vector<std::string> FindBatteries(const std::string& sysfs_root);

// Whether the battery says that it discharges. UNAVAILABLE when it says
// nothing or does not know.
absl::StatusOr<bool> IsDischarging(const std::string& battery);

// [0, 1]: the emptiest battery. NOT_FOUND without a battery, UNAVAILABLE with
// the file and what was wrong with it.
absl::StatusOr<double> BatteryLevel(const std::string& sysfs_root);

// Whether the device runs on external power: true without a battery, with a
// charger on line, or with a battery that does not discharge. UNAVAILABLE when
// nothing tells.
absl::StatusOr<bool> OnExternalPower(const std::string& sysfs_root);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_METERS_POWER_SUPPLY_H_
