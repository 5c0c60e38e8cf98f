// A meter that adds up energy counters.
#ifndef SHOAL_CLIENT_METERS_COUNTER_METER_H_
#define SHOAL_CLIENT_METERS_COUNTER_METER_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "client/meters/energy_counter.h"
#include "client/meters/energy_meter.h"

namespace shoal::client {

// Reads every counter once: UNAVAILABLE when one cannot be read. `clock` must
// outlive the meter. REQUIRES: at least one counter.
absl::StatusOr<std::unique_ptr<EnergyMeter>> MakeCounterMeter(
    std::string name, std::vector<MicrojouleCounter> counters,
    const Clock& clock);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_METERS_COUNTER_METER_H_
