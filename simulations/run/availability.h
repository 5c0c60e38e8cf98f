// When simulated devices are available: charging, idle, and on a network that
// costs nothing.
#ifndef SHOAL_SIMULATIONS_RUN_AVAILABILITY_H_
#define SHOAL_SIMULATIONS_RUN_AVAILABILITY_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "configuration/device_class.h"

namespace shoal::simulations {

// A pure function of device and time: what was asked before does not matter.
// Times are since the start of the simulation, which is at midnight.
// Thread-safe.
class Availability {
 public:
  // Of devices with those numbers; draws come from `seed`. Errors of the
  // trace's file name the line.
  static absl::StatusOr<std::unique_ptr<Availability>> Make(
      const configuration::AvailabilityModel& model, uint64_t seed);
  virtual ~Availability() = default;

  // Until when a device that is available at `time` stays so; `time` when it
  // is not.
  virtual absl::Duration Until(int64_t device, absl::Duration time) const = 0;
  // The first time from `time` on at which it is; infinite: never again.
  virtual absl::Duration Next(int64_t device, absl::Duration time) const = 0;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_RUN_AVAILABILITY_H_
