#include "client/meters/powercap_meter.h"

#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "client/meters/counter_meter.h"
#include "client/meters/sensor_file.h"

namespace shoal::client {
namespace {

// "intel-rapl:0:1" is a part of "intel-rapl:0".
std::string ParentOf(const std::string& zone) {
  return zone.substr(0, zone.rfind(':'));
}

std::optional<int64_t> RangeOf(const std::string& zone) {
  const auto range =
      ReadSensorNotNegative(absl::StrCat(zone, "/max_energy_range_uj"));
  if (!range.ok() || *range == 0) return std::nullopt;
  return *range;
}

// The zones to add up, by a name that is the same for two views of one.
std::map<std::string, std::string> ZonesToCount(const std::string& folder) {
  std::map<std::string, std::string> platform;
  std::map<std::string, std::string> packages;
  for (const std::string& zone : ListSensors(folder)) {
    if (ReadSensorText(absl::StrCat(zone, "/energy_uj")).empty()) continue;
    const std::string name = ReadSensorText(absl::StrCat(zone, "/name"));
    if (name == "psys") platform.emplace(name, zone);
    if (absl::StartsWith(name, "package")) packages.emplace(name, zone);
    if (name == "dram") {
      packages.emplace(
          absl::StrCat(ReadSensorText(absl::StrCat(ParentOf(zone), "/name")),
                       " dram"),
          zone);
    }
  }
  return platform.empty() ? packages : platform;
}

}  // namespace

absl::StatusOr<std::unique_ptr<EnergyMeter>> OpenPowercapMeter(
    const std::string& sysfs_root, const Clock& clock) {
  const std::string folder = absl::StrCat(sysfs_root, "/class/powercap");
  const auto zones = ZonesToCount(folder);
  if (zones.empty()) {
    return absl::NotFoundError(
        absl::StrCat(folder, " has no energy counter that can be read"));
  }
  std::vector<MicrojouleCounter> counters;
  std::vector<std::string> names;
  for (const auto& [name, zone] : zones) {
    counters.emplace_back(absl::StrCat(zone, "/energy_uj"), RangeOf(zone));
    names.push_back(name);
  }
  return MakeCounterMeter(
      absl::StrCat("powercap (", absl::StrJoin(names, ", "), ")"),
      std::move(counters), clock);
}

}  // namespace shoal::client
