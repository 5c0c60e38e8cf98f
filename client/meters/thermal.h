// How warm the device is: /sys/class/thermal.
#ifndef SHOAL_CLIENT_METERS_THERMAL_H_
#define SHOAL_CLIENT_METERS_THERMAL_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace shoal::client {

// The warmest zone, in degrees Celsius; of those with these types, or of all
// when there are none given. Zones that cannot be read or hold what no device
// survives (below -40 or above 150 °C) are passed over. NOT_FOUND when there
// is no such zone, UNAVAILABLE when none can be read.
absl::StatusOr<double> WarmestCelsius(const std::string& sysfs_root,
                                      absl::Span<const std::string> types = {});

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_METERS_THERMAL_H_
