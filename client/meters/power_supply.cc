#include "client/meters/power_supply.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/meters/sensor_file.h"

namespace shoal::client {
namespace {

std::vector<std::string> Supplies(const std::string& sysfs_root) {
  return ListSensors(absl::StrCat(sysfs_root, "/class/power_supply"));
}

bool IsBattery(const std::string& supply) {
  return ReadSensorText(absl::StrCat(supply, "/type")) == "Battery";
}

// What hangs on this device with a battery of its own.
bool IsAccessory(const std::string& supply) {
  return ReadSensorText(absl::StrCat(supply, "/scope")) == "Device";
}

absl::StatusOr<double> Ratio(const std::string& now, const std::string& full) {
  SHOAL_ASSIGN_OR_RETURN(const int64_t part, ReadSensorNotNegative(now));
  SHOAL_ASSIGN_OR_RETURN(const int64_t whole, ReadSensorNotNegative(full));
  if (whole > 0 && part <= whole + whole / 8) {
    return std::min(1.0,
                    static_cast<double>(part) / static_cast<double>(whole));
  }
  return Absurd(now, part,
                absl::StrCat("at most what ", full, " holds, ", whole));
}

absl::StatusOr<double> LevelOf(const std::string& battery) {
  const std::string path = absl::StrCat(battery, "/capacity");
  absl::StatusOr<int64_t> percent = ReadSensor(path);
  if (percent.ok() && *percent >= 0 && *percent <= 100) {
    return static_cast<double>(*percent) / 100;
  }
  for (const absl::string_view kind : {"energy", "charge"}) {
    const auto level = Ratio(absl::StrCat(battery, "/", kind, "_now"),
                             absl::StrCat(battery, "/", kind, "_full"));
    if (level.ok()) return level;
  }
  if (percent.ok()) return Absurd(path, *percent, "0 to 100");
  return absl::UnavailableError(percent.status().message());
}

}  // namespace

std::vector<std::string> FindBatteries(const std::string& sysfs_root) {
  std::vector<std::string> batteries;
  for (const std::string& supply : Supplies(sysfs_root)) {
    if (IsBattery(supply) && !IsAccessory(supply)) batteries.push_back(supply);
  }
  return batteries;
}

absl::StatusOr<bool> IsDischarging(const std::string& battery) {
  const std::string path = absl::StrCat(battery, "/status");
  const std::string status = ReadSensorText(path);
  if (status == "Discharging") return true;
  if (status == "Charging" || status == "Full" || status == "Not charging") {
    return false;
  }
  return absl::UnavailableError(
      absl::StrCat(path, " holds '", status,
                   "', expected Charging, Discharging, Full or Not charging"));
}

absl::StatusOr<double> BatteryLevel(const std::string& sysfs_root) {
  const std::vector<std::string> batteries = FindBatteries(sysfs_root);
  if (batteries.empty()) {
    return absl::NotFoundError(
        absl::StrCat(sysfs_root, "/class/power_supply has no battery"));
  }
  double least = 1;
  for (const std::string& battery : batteries) {
    SHOAL_ASSIGN_OR_RETURN(const double level, LevelOf(battery));
    least = std::min(least, level);
  }
  return least;
}

absl::StatusOr<bool> OnExternalPower(const std::string& sysfs_root) {
  bool has_battery = false;
  bool discharges = false;
  absl::Status unknown;
  for (const std::string& supply : Supplies(sysfs_root)) {
    if (IsAccessory(supply)) continue;
    if (!IsBattery(supply)) {
      const auto online = ReadSensor(absl::StrCat(supply, "/online"));
      if (online.ok() && *online > 0) return true;
      continue;
    }
    has_battery = true;
    const absl::StatusOr<bool> discharging = IsDischarging(supply);
    if (discharging.ok()) {
      discharges |= *discharging;
    } else {
      unknown.Update(discharging.status());
    }
  }
  if (!has_battery) return true;
  if (discharges) return false;
  SHOAL_RETURN_IF_ERROR(unknown);
  return true;
}

}  // namespace shoal::client
