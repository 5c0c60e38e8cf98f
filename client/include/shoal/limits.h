// What a device may spend and when it may work: part of ClientOptions.
#ifndef SHOAL_LIMITS_H_
#define SHOAL_LIMITS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"

namespace shoal {

// Budgets refill evenly over a day, up to a day's worth; what a session may
// need is set aside before the work and settled after it, so that not even a
// power cut makes a device spend more. Absent: not limited.
struct DeviceBudgets {
  std::optional<double> joules_per_day;  // > 0, as all here
  std::optional<double> joules_per_round;
  // Over networks that cost money.
  std::optional<int64_t> metered_bytes_per_day;
  std::optional<int64_t> metered_bytes_per_round;
};

// When a device may work at all. Each has hysteresis. A rule that asks for
// something that nobody can tell does not hold.
struct DeviceConditions {
  // Work stops below it, and starts 0.05 above it; on external power the level
  // does not matter. [0, 1]
  std::optional<double> min_battery_fraction;
  bool external_power = false;  // only while it is there
  // Work stops above it, and starts 5 degrees below it.
  std::optional<double> max_celsius;
  bool unmetered_network = false;  // only over one
  bool user_idle = false;          // only while the user is
  // Of the time of the last seconds in which something waited for memory
  // ([0, 1], /proc/pressure): work stops above it, and starts at half of it.
  std::optional<double> max_memory_pressure;
  // Work stops below it, and starts at a quarter more.
  std::optional<int64_t> min_available_memory_bytes;
  // "22:00-06:00", local time; work only inside one of them. Empty: always.
  std::vector<std::string> windows;
  // After the power, the network or the user stopped the work, it must have
  // been as asked for so long before work starts again.
  absl::Duration settle_time = absl::Seconds(30);
};

// What work costs where nothing measures it, and before it is done; learned
// from the meter, where there is one. The defaults are cautious: an embedded
// board with Wi-Fi. All >= 0.
struct DeviceEnergyCosts {
  double joules_per_connection = 1;
  double joules_per_received_megabyte = 3;
  double joules_per_sent_megabyte = 5;
  double joules_per_gigaflop = 1;  // of training
  double watts_awake = 0.5;

  friend bool operator==(const DeviceEnergyCosts& a,
                         const DeviceEnergyCosts& b) {
    return a.joules_per_connection == b.joules_per_connection &&
           a.joules_per_received_megabyte == b.joules_per_received_megabyte &&
           a.joules_per_sent_megabyte == b.joules_per_sent_megabyte &&
           a.joules_per_gigaflop == b.joules_per_gigaflop &&
           a.watts_awake == b.watts_awake;
  }
};

// Where readings come from.
struct DeviceSensors {
  // "hwmon", "powercap", "battery", "none" (energy is calculated), or "auto":
  // the first that there is, in this order.
  std::string meter = "auto";
  // With hwmon: the driver, else every monitor whose name begins with "ina";
  // and the channels to add up, else the one that feeds all others.
  std::string hwmon_driver;
  std::vector<std::string> hwmon_labels;
  std::vector<std::string> thermal_types;  // zones that count; empty: all
  // The network is metered while the default route leads over one of these
  // interfaces, missing while there is no such route. Empty: nothing is known
  // of the network, and all bytes count as metered.
  std::vector<std::string> metered_interfaces;
  // While this file exists the device does not work; its first line is the
  // reason. Empty: none.
  std::string veto_file;
  std::string sysfs_root = "/sys";
  std::string proc_root = "/proc";
};

struct DeviceLimits {
  DeviceBudgets budgets;
  DeviceConditions conditions;
  DeviceEnergyCosts energy;
  DeviceSensors sensors;
};

enum class Network { kNone, kMetered, kUnmetered };

// The device's surroundings at one moment, as conditions look at them. Absent:
// nobody can tell. The embedder may fill in and overrule what was read.
struct DeviceReadings {
  std::optional<double> battery_fraction;  // [0, 1]
  std::optional<bool> external_power;
  std::optional<double> celsius;  // of the warmest part
  std::optional<Network> network;
  std::optional<bool> user_idle;
  std::optional<double> memory_pressure;  // [0, 1]: of the last seconds
  std::optional<int64_t> available_memory_bytes;
  // Why the embedder does not want training now, as half a sentence: "a call
  // is going on". Empty: it does not mind.
  std::string veto;
};

// How the budgets stand after a session.
struct BudgetStatus {
  std::optional<double> joules_left;  // of the day; absent: not limited
  std::optional<double> metered_bytes_left;
  double joules_spent = 0;         // ever
  double metered_bytes_spent = 0;  // ever
  std::string meter;               // its name; "calculated" without one
  // The 90th percentile of the calculation's relative error, as measured;
  // absent while there are too few measurements.
  std::optional<double> energy_error_p90;
  std::string note;  // what is wrong with the meter or the book; else empty
};

}  // namespace shoal

#endif  // SHOAL_LIMITS_H_
