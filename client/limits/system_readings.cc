#include "client/limits/system_readings.h"

#include <algorithm>
#include <filesystem>
#include <system_error>

#include "absl/status/statusor.h"
#include "client/meters/memory_pressure.h"
#include "client/meters/network_route.h"
#include "client/meters/power_supply.h"
#include "client/meters/sensor_file.h"
#include "client/meters/thermal.h"

namespace shoal::client {
namespace {

// Nothing, when it cannot be read: the condition that asks for it says so.
template <typename Value>
std::optional<Value> IfKnown(const absl::StatusOr<Value>& value) {
  if (!value.ok()) return std::nullopt;
  return *value;
}

std::optional<double> Battery(const std::string& sysfs_root) {
  const absl::StatusOr<double> level = BatteryLevel(sysfs_root);
  if (absl::IsNotFound(level.status())) return 1;  // there is none to spare
  return IfKnown(level);
}

std::optional<Network> NetworkOf(const SystemReadingsOptions& options) {
  if (options.metered_interfaces.empty()) return std::nullopt;
  const absl::StatusOr<std::string> name = DefaultInterface(options.proc_root);
  if (!name.ok()) return std::nullopt;
  if (name->empty()) return Network::kNone;
  const auto& metered = options.metered_interfaces;
  return std::find(metered.begin(), metered.end(), *name) != metered.end()
             ? Network::kMetered
             : Network::kUnmetered;
}

std::string VetoOf(const std::string& file) {
  std::error_code ignored;
  if (file.empty() || !std::filesystem::exists(file, ignored)) return "";
  std::string reason = ReadSensorText(file);
  return reason.empty() ? file + " exists" : reason;
}

}  // namespace

DeviceReadings SystemReadings::Read() {
  DeviceReadings readings;
  readings.battery_fraction = Battery(options_.sysfs_root);
  readings.external_power = IfKnown(OnExternalPower(options_.sysfs_root));
  readings.celsius =
      IfKnown(WarmestCelsius(options_.sysfs_root, options_.thermal_types));
  readings.network = NetworkOf(options_);
  readings.memory_pressure = IfKnown(MemoryPressure(options_.proc_root));
  readings.available_memory_bytes =
      IfKnown(AvailableMemoryBytes(options_.proc_root));
  readings.veto = VetoOf(options_.veto_file);
  if (complete_) complete_(readings);
  return readings;
}

}  // namespace shoal::client
