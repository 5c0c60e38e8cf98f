#include "simulations/run/device_catalogue.h"

#include "absl/strings/string_view.h"
#include "client/agent/agent_limits.h"

namespace shoal::simulations {
namespace {

struct BuiltIn {
  absl::string_view name;
  double gigaflops;
  absl::Duration latency;
  double down;  // bytes per second
  double up;
  client::EnergyCoefficients energy;
  BatteryTraits battery = {};
};

// Orders of magnitude: a phone on a mobile network, whose radio stays awake
// after every use; boards on Wi-Fi and on a cable; a watch on Bluetooth. A
// phone lasts for 31 hours, a watch for 37.
const BuiltIn kBuiltIn[] = {
    {"phone",
     5,
     absl::Milliseconds(30),
     2.5e6,
     1e6,
     {12, 3, 5, 0.5, 0.8},
     {45'000, 0.4, 10}},
    {"raspberry_pi",
     2,
     absl::Milliseconds(10),
     4e6,
     2e6,
     {0.5, 1, 1.5, 1, 2.5}},
    {"gateway", 20, absl::Milliseconds(5), 12e6, 12e6, {0.1, 0.1, 0.1, 0.7, 5}},
    {"wearable",
     0.3,
     absl::Milliseconds(60),
     1e5,
     5e4,
     {0.2, 8, 8, 1.5, 0.1},
     {4'000, 0.03, 1}},
};

const BuiltIn& BuiltInOf(absl::string_view name) {
  for (const BuiltIn& known : kBuiltIn) {
    if (known.name == name) return known;
  }
  return kBuiltIn[0];
}

}  // namespace

DeviceTraits TraitsOf(const configuration::DeviceClass& kind) {
  constexpr double kGiga = 1e9;
  const BuiltIn& base = BuiltInOf(kind.name);
  DeviceTraits traits;
  traits.compute.flops_per_second =
      kGiga * kind.gigaflops.value_or(base.gigaflops);
  traits.link.latency = kind.network.latency.value_or(base.latency);
  traits.link.down_bytes_per_second =
      static_cast<double>(kind.network.down.value_or(base.down));
  traits.link.up_bytes_per_second =
      static_cast<double>(kind.network.up.value_or(base.up));
  traits.energy = base.energy;
  if (kind.energy.has_value()) {
    traits.energy = client::DeviceEnergyFrom(*kind.energy);
  }
  if (kind.battery.has_value()) traits.battery = BatteryOf(kind);
  traits.memory_bytes = kind.memory_bytes.value_or(0);
  traits.failure_rate = kind.failure_rate;
  return traits;
}

BatteryTraits BatteryOf(const configuration::DeviceClass& kind) {
  BatteryTraits battery = BuiltInOf(kind.name).battery;
  if (!kind.battery.has_value()) return battery;
  const configuration::BatteryModel& model = *kind.battery;
  battery.capacity_joules =
      model.capacity_joules.value_or(battery.capacity_joules);
  battery.watts_drained = model.watts_drained.value_or(battery.watts_drained);
  battery.watts_charging =
      model.watts_charging.value_or(battery.watts_charging);
  return battery;
}

configuration::DeviceClass DefaultDeviceClass() {
  configuration::DeviceClass kind;
  kind.name = "phone";
  kind.share = 1;
  return kind;
}

}  // namespace shoal::simulations
