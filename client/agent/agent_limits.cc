#include "client/agent/agent_limits.h"

#include <optional>

#include "absl/strings/string_view.h"
#include "protocol/schema/access.h"

namespace shoal::client {
namespace {

using protocol::schema::Message;
using protocol::schema::Part;
using protocol::schema::Read;

// Absent stays absent.
template <typename T>
void ReadOptional(const Message& message, absl::string_view name,
                  std::optional<T>& value) {
  if (protocol::schema::Has(message, name))
    Read(message, name, value.emplace());
}

DeviceBudgets BudgetsFrom(const Message& message) {
  DeviceBudgets budgets;
  ReadOptional(message, "energy_per_day", budgets.joules_per_day);
  ReadOptional(message, "energy_per_round", budgets.joules_per_round);
  ReadOptional(message, "metered_bytes_per_day", budgets.metered_bytes_per_day);
  ReadOptional(message, "metered_bytes_per_round",
               budgets.metered_bytes_per_round);
  return budgets;
}

DeviceConditions ConditionsFrom(const Message& message) {
  DeviceConditions conditions;
  ReadOptional(message, "min_battery", conditions.min_battery_fraction);
  Read(message, "external_power", conditions.external_power);
  ReadOptional(message, "max_celsius", conditions.max_celsius);
  Read(message, "unmetered_network", conditions.unmetered_network);
  ReadOptional(message, "max_memory_pressure", conditions.max_memory_pressure);
  ReadOptional(message, "min_available_memory",
               conditions.min_available_memory_bytes);
  Read(message, "windows", conditions.windows);
  Read(message, "settle_time", conditions.settle_time);
  return conditions;
}

DeviceSensors SensorsFrom(const Message& message) {
  DeviceSensors sensors;
  Read(message, "meter", sensors.meter);
  Read(message, "hwmon_driver", sensors.hwmon_driver);
  Read(message, "hwmon_labels", sensors.hwmon_labels);
  Read(message, "thermal_types", sensors.thermal_types);
  Read(message, "metered_interfaces", sensors.metered_interfaces);
  Read(message, "veto_file", sensors.veto_file);
  Read(message, "sysfs", sensors.sysfs_root);
  Read(message, "proc", sensors.proc_root);
  return sensors;
}

}  // namespace

DeviceEnergyCosts DeviceEnergyFrom(const Message& message) {
  DeviceEnergyCosts energy;
  Read(message, "per_connection", energy.joules_per_connection);
  Read(message, "per_received_megabyte", energy.joules_per_received_megabyte);
  Read(message, "per_sent_megabyte", energy.joules_per_sent_megabyte);
  Read(message, "per_gigaflop", energy.joules_per_gigaflop);
  Read(message, "watts_awake", energy.watts_awake);
  return energy;
}

DeviceLimits DeviceLimitsFrom(const Message& limits) {
  return {BudgetsFrom(Part(limits, "budgets")),
          ConditionsFrom(Part(limits, "conditions")),
          DeviceEnergyFrom(Part(limits, "energy")),
          SensorsFrom(Part(limits, "sensors"))};
}

}  // namespace shoal::client
