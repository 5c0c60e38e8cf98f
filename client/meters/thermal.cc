#include "client/meters/thermal.h"

#include <algorithm>
#include <optional>

#include "absl/strings/str_cat.h"
#include "client/meters/sensor_file.h"

namespace shoal::client {
namespace {

constexpr int64_t kLeastMillicelsius = -40'000;
constexpr int64_t kMostMillicelsius = 150'000;

bool IsAskedFor(const std::string& zone, absl::Span<const std::string> types) {
  if (types.empty()) return true;
  const std::string type = ReadSensorText(absl::StrCat(zone, "/type"));
  return std::find(types.begin(), types.end(), type) != types.end();
}

}  // namespace

absl::StatusOr<double> WarmestCelsius(const std::string& sysfs_root,
                                      absl::Span<const std::string> types) {
  const std::string folder = absl::StrCat(sysfs_root, "/class/thermal");
  std::optional<int64_t> warmest;
  absl::Status unreadable = absl::NotFoundError(
      absl::StrCat(folder, " has no thermal zone that is asked for"));
  for (const std::string& zone : ListSensors(folder, "thermal_zone")) {
    if (!IsAskedFor(zone, types)) continue;
    const std::string path = absl::StrCat(zone, "/temp");
    const absl::StatusOr<int64_t> temperature = ReadSensor(path);
    if (!temperature.ok()) {
      unreadable = absl::UnavailableError(temperature.status().message());
    } else if (*temperature < kLeastMillicelsius ||
               *temperature > kMostMillicelsius) {
      unreadable =
          Absurd(path, *temperature, "-40000 to 150000 thousandths of a °C");
    } else {
      warmest = std::max(warmest.value_or(*temperature), *temperature);
    }
  }
  if (!warmest.has_value()) return unreadable;
  return static_cast<double>(*warmest) / 1000;
}

}  // namespace shoal::client
