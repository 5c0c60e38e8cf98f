#include "client/meters/find_meter.h"

#include "base/check.h"
#include "client/meters/battery_meter.h"
#include "client/meters/powercap_meter.h"

namespace shoal::client {

absl::StatusOr<std::unique_ptr<EnergyMeter>> FindMeter(
    const MeterOptions& options, const Clock& clock) {
  switch (options.kind) {
    case MeterKind::kHwmon:
      return OpenHwmonMeter(options.sysfs_root, options.hwmon, clock);
    case MeterKind::kPowercap:
      return OpenPowercapMeter(options.sysfs_root, clock);
    case MeterKind::kBattery:
      return OpenBatteryMeter(options.sysfs_root, clock);
    case MeterKind::kNone:
      return nullptr;
    case MeterKind::kAuto:
      break;
  }
  SHOAL_CHECK(options.kind == MeterKind::kAuto);
  MeterOptions one = options;
  for (const MeterKind kind :
       {MeterKind::kHwmon, MeterKind::kPowercap, MeterKind::kBattery}) {
    one.kind = kind;
    auto meter = FindMeter(one, clock);
    if (meter.ok()) return meter;
  }
  return nullptr;
}

}  // namespace shoal::client
