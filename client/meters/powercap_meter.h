// Energy counters of x86 packages: /sys/class/powercap (RAPL). They count all
// that the package does, and only root may read them.
#ifndef SHOAL_CLIENT_METERS_POWERCAP_METER_H_
#define SHOAL_CLIENT_METERS_POWERCAP_METER_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "client/meters/energy_meter.h"

namespace shoal::client {

// Adds up what does not overlap: the platform (psys) where it is counted, else
// all packages and their memory. A package that is shown twice (over MSRs and
// over MMIO) counts once. NOT_FOUND when there is no counter; UNAVAILABLE when
// one cannot be read. `clock` must outlive the meter.
absl::StatusOr<std::unique_ptr<EnergyMeter>> OpenPowercapMeter(
    const std::string& sysfs_root, const Clock& clock);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_METERS_POWERCAP_METER_H_
