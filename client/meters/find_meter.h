// The meter that a device's configuration asks for.
#ifndef SHOAL_CLIENT_METERS_FIND_METER_H_
#define SHOAL_CLIENT_METERS_FIND_METER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "client/meters/energy_meter.h"
#include "client/meters/hwmon_meter.h"

namespace shoal::client {

enum class MeterKind {
  kAuto,  // the first that there is, in the order below
  kHwmon,
  kPowercap,
  kBattery,
  kNone,  // energy is calculated
};

struct MeterOptions {
  MeterKind kind = MeterKind::kAuto;
  HwmonOptions hwmon;
  std::string sysfs_root = "/sys";
};

// Null with kNone, and with kAuto when there is no meter. NOT_FOUND when the
// one asked for is not there, UNAVAILABLE when it cannot be read. `clock` must
// outlive the meter.
absl::StatusOr<std::unique_ptr<EnergyMeter>> FindMeter(
    const MeterOptions& options, const Clock& clock);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_METERS_FIND_METER_H_
