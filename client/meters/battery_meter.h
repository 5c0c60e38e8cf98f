// A battery as a meter: what it gives while it discharges. Gauges are coarse
// and slow, so it tells more about a session than about a mini-batch.
#ifndef SHOAL_CLIENT_METERS_BATTERY_METER_H_
#define SHOAL_CLIENT_METERS_BATTERY_METER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "client/meters/energy_meter.h"

namespace shoal::client {

// Every battery is read in the first of these ways that it offers: power_now,
// current_now × voltage_now, energy_now, charge_now × voltage_now. While one
// does not discharge, readings are UNAVAILABLE: it says nothing about the
// device then. NOT_FOUND without a battery that can be read. `clock` must
// outlive the meter.
absl::StatusOr<std::unique_ptr<EnergyMeter>> OpenBatteryMeter(
    const std::string& sysfs_root, const Clock& clock);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_METERS_BATTERY_METER_H_
