#include "simulations/battery.h"

#include <algorithm>

#include "base/check.h"
#include "simulations/population.h"

namespace shoal::simulations {

BatteryLevel FirstLevel(const BatteryTraits& battery) {
  return {absl::UnixEpoch() - absl::Hours(48), battery.capacity_joules};
}

double LevelAt(const BatteryTraits& battery, const Population& population,
               int64_t device, const BatteryLevel& last, absl::Time time) {
  SHOAL_CHECK(battery.exists());
  double joules = last.joules;
  absl::Time now = last.time;
  while (now < time) {
    const absl::Time until = population.PluggedInUntil(device, now);
    const bool is_charging = until > now;
    const absl::Time end = std::min(
        time, is_charging ? until : population.NextPluggedIn(device, now));
    const double watts =
        (is_charging ? battery.watts_charging : 0) - battery.watts_drained;
    joules = std::clamp(joules + watts * absl::ToDoubleSeconds(end - now), 0.0,
                        battery.capacity_joules);
    now = end;
  }
  return joules;
}

}  // namespace shoal::simulations
