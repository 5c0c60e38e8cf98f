#include "client/limits/conditions.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "base/human_duration.h"
#include "client/limits/budget.h"

namespace shoal::client {
namespace {

// What hysteresis asks for beyond a threshold before work starts.
constexpr double kBatteryMargin = 0.05;
constexpr double kCelsiusMargin = 5;
constexpr double kPressureFactor = 0.5;
constexpr double kMemoryFactor = 1.25;

// Nothing tells when a battery is charged or a user leaves.
constexpr absl::Duration kAskAgain = absl::Minutes(1);

int MinuteOfDay(absl::Time time, const absl::TimeZone& zone) {
  const absl::CivilSecond civil = absl::ToCivilSecond(time, zone);
  return civil.hour() * 60 + civil.minute();
}

std::string PercentText(double fraction) {
  return absl::StrFormat("%.3g %%", 100 * fraction);
}

}  // namespace

// Collects what speaks against working.
class Conditions::Objections {
 public:
  void Add(absl::string_view sentence, absl::Duration ask_again = kAskAgain) {
    absl::StrAppend(&answer_.objection, answer_.ok() ? "" : "; ", sentence);
    // All of them must be gone: the one that lasts longest decides.
    answer_.ask_again = std::max(answer_.ask_again, ask_again);
  }
  Answer Take() && { return std::move(answer_); }

 private:
  Answer answer_;
};

Conditions::Answer Conditions::Check(const DeviceReadings& readings,
                                     const Clock& clock, bool working) {
  const absl::Duration now = clock.Monotonic();
  Objections objections;
  if (!readings.veto.empty()) objections.Add(readings.veto);
  CheckWindows(clock.Now(), objections);
  if (rules_.external_power) {
    CheckSwitch(kPower, readings.external_power,
                {"it cannot be told whether there is external power",
                 "there is no external power", "external power is back"},
                now, working, objections);
  }
  CheckBattery(readings, working, objections);
  CheckWarmth(readings, working, objections);
  if (rules_.unmetered_network) {
    const std::optional<Network> network = readings.network;
    std::optional<bool> unmetered;
    if (network.has_value()) unmetered = network == Network::kUnmetered;
    CheckSwitch(kNetwork, unmetered,
                {"it cannot be told whether the network is metered",
                 network == Network::kNone ? "there is no network"
                                           : "the network is metered",
                 "the network costs nothing again"},
                now, working, objections);
  }
  if (rules_.user_idle) {
    CheckSwitch(kUser, readings.user_idle,
                {"it cannot be told whether the device is in use",
                 "the device is in use", "the device is idle again"},
                now, working, objections);
  }
  CheckMemory(readings, working, objections);
  return std::move(objections).Take();
}

void Conditions::CheckBattery(const DeviceReadings& readings, bool working,
                              Objections& objections) const {
  if (!rules_.min_battery_fraction.has_value()) return;
  if (readings.external_power == true) return;
  const double stop = *rules_.min_battery_fraction;
  const double least = working ? stop : std::min(1.0, stop + kBatteryMargin);
  if (!readings.battery_fraction.has_value()) {
    objections.Add("the battery's level cannot be read");
  } else if (*readings.battery_fraction < least) {
    objections.Add(absl::StrCat(
        "the battery is at ", PercentText(*readings.battery_fraction), ", ",
        working ? "work stops below " : "work starts at ", PercentText(least)));
  }
}

void Conditions::CheckWarmth(const DeviceReadings& readings, bool working,
                             Objections& objections) const {
  if (!rules_.max_celsius.has_value()) return;
  const double most = *rules_.max_celsius - (working ? 0 : kCelsiusMargin);
  if (!readings.celsius.has_value()) {
    objections.Add("the temperature cannot be read");
  } else if (*readings.celsius > most) {
    objections.Add(absl::StrFormat(
        "the device has %.3g °C, work %s %.3g °C", *readings.celsius,
        working ? "stops above" : "starts at", most));
  }
}

void Conditions::CheckMemory(const DeviceReadings& readings, bool working,
                             Objections& objections) const {
  if (rules_.max_memory_pressure.has_value()) {
    const double most =
        *rules_.max_memory_pressure * (working ? 1 : kPressureFactor);
    if (!readings.memory_pressure.has_value()) {
      objections.Add("the kernel does not tell of memory pressure");
    } else if (*readings.memory_pressure > most) {
      objections.Add(absl::StrCat(
          "programs waited for memory ", PercentText(*readings.memory_pressure),
          " of the time, work ", working ? "stops above " : "starts at ",
          PercentText(most)));
    }
  }
  if (!rules_.min_available_memory_bytes.has_value()) return;
  const double least = static_cast<double>(*rules_.min_available_memory_bytes) *
                       (working ? 1 : kMemoryFactor);
  if (!readings.available_memory_bytes.has_value()) {
    objections.Add("the kernel does not tell how much memory is available");
    return;
  }
  const double available =
      static_cast<double>(*readings.available_memory_bytes);
  if (available < least) {
    objections.Add(absl::StrCat(
        BytesText(available), " of memory are available, work ",
        working ? "stops below " : "starts at ", BytesText(least)));
  }
}

void Conditions::CheckSwitch(Switch which, std::optional<bool> as_asked,
                             const SwitchText& text, absl::Duration now,
                             bool working, Objections& objections) {
  std::optional<absl::Duration>& last_wrong = last_wrong_[which];
  if (as_asked != true) {
    last_wrong = now;
    objections.Add(as_asked.has_value() ? text.wrong : text.unknown);
    return;
  }
  if (working || !last_wrong.has_value()) return;
  const absl::Duration left = *last_wrong + rules_.settle_time - now;
  if (left <= absl::ZeroDuration()) return;
  objections.Add(
      absl::StrCat(text.right_again, ", work starts in ", HumanDuration(left)),
      left);
}

void Conditions::CheckWindows(absl::Time now, Objections& objections) const {
  if (rules_.windows.empty()) return;
  const int minute = MinuteOfDay(now, rules_.time_zone);
  int until_open = kMinutesPerDay;
  for (const DayWindow& window : rules_.windows) {
    if (window.Contains(minute)) return;
    until_open =
        std::min(until_open, (window.from_minute - minute + kMinutesPerDay) %
                                 kMinutesPerDay);
  }
  objections.Add(
      absl::StrCat("it is ", ClockText(minute), ", work is allowed ",
                   absl::StrJoin(rules_.windows, " and ",
                                 [](std::string* out, const DayWindow& window) {
                                   absl::StrAppend(out, ToString(window));
                                 })),
      absl::Minutes(until_open));
}

}  // namespace shoal::client
