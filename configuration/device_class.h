// What simulated devices are: a part of scenarios.
#ifndef SHOAL_CONFIGURATION_DEVICE_CLASS_H_
#define SHOAL_CONFIGURATION_DEVICE_CLASS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <variant>

#include "absl/time/time.h"
#include "protocol/schema/message.h"

namespace shoal::configuration {

// Of a device's link; what is absent is that of its class.
struct NetworkModel {
  std::optional<absl::Duration> latency;  // of one way
  std::optional<int64_t> down;            // bytes per second
  std::optional<int64_t> up;
};

struct AlwaysAvailable {};
// As the schema's.
struct DiurnalAvailability {
  absl::Duration start = absl::Hours(22);  // after midnight
  absl::Duration length = absl::Hours(8);
  absl::Duration spread = absl::Hours(2);
  double chance = 0.9;  // [0, 1]
  bool around_the_world = false;
};
struct TraceAvailability {
  std::string path;
  absl::Duration repeat = absl::InfiniteDuration();
};
using AvailabilityModel =
    std::variant<AlwaysAvailable, DiurnalAvailability, TraceAvailability>;

// What is absent is that of its class.
struct BatteryModel {
  std::optional<double> capacity_joules;  // 0: there is none
  std::optional<double> watts_drained;
  std::optional<double> watts_charging;
  std::optional<AvailabilityModel> plugged_in;
};

// A kind of simulated devices.
struct DeviceClass {
  std::string name;
  double share = 0;  // of all devices, (0, 1]
  std::optional<int64_t> memory_bytes;
  std::optional<protocol::schema::Message> limits;  // AgentLimits
  // Of simulated devices alone.
  std::optional<double> gigaflops = {};  // per second
  NetworkModel network = {};
  AvailabilityModel availability = AlwaysAvailable();
  double failure_rate = 0;                               // [0, 1]
  std::optional<protocol::schema::Message> energy = {};  // AgentEnergyCosts
  double spread = 0;  // of the logarithms of speeds
  std::optional<BatteryModel> battery = {};
};

// From and to a message of the schema. REQUIRES: its rules have been checked.
DeviceClass DeviceClassFrom(const protocol::schema::Message& message);
void WriteDeviceClass(const DeviceClass& kind,
                      protocol::schema::Message& message);

}  // namespace shoal::configuration

#endif  // SHOAL_CONFIGURATION_DEVICE_CLASS_H_
