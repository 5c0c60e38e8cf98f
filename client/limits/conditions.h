// When a device may work at all: rules with hysteresis over its readings, so
// that it does not start and stop in turns at a threshold. A rule that asks
// for something that nobody can tell does not hold. Every "no" has a sentence.
#ifndef SHOAL_CLIENT_LIMITS_CONDITIONS_H_
#define SHOAL_CLIENT_LIMITS_CONDITIONS_H_

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "client/limits/day_window.h"
#include "client/limits/device_readings.h"

namespace shoal::client {

struct ConditionRules {
  // Work stops below it, and starts 5 percentage points above it; on external
  // power the level does not matter. Absent: any level.
  std::optional<double> min_battery_fraction;
  bool external_power = false;  // only while it is there
  // Work stops above it, and starts 5 degrees below it.
  std::optional<double> max_celsius;
  bool unmetered_network = false;  // only over one
  bool user_idle = false;          // only while the user is
  // Work stops above it, and starts at half of it.
  std::optional<double> max_memory_pressure;
  // Work stops below it, and starts at a quarter more.
  std::optional<int64_t> min_available_memory_bytes;
  std::vector<DayWindow> windows;  // inside one of them; empty: always
  // After the power, the network or the user stopped the work, it must have
  // been as asked for so long before work starts again.
  absl::Duration settle_time = absl::Seconds(30);
  absl::TimeZone time_zone = absl::LocalTimeZone();
};

// One thread.
class Conditions {
 public:
  explicit Conditions(ConditionRules rules) : rules_(std::move(rules)) {}

  struct Answer {
    // Why not, in sentences joined by "; "; empty: work may start, or go on.
    std::string objection;
    // When to ask again; zero with no objection.
    absl::Duration ask_again;
    bool ok() const { return objection.empty(); }
  };

  // `working`: whether work is going on, which has the wider thresholds.
  // Allocates only for objections.
  Answer Check(const DeviceReadings& readings, const Clock& clock,
               bool working);

  const ConditionRules& rules() const { return rules_; }

  // Conditions that are true or false, and have to settle.
  enum Switch { kPower, kNetwork, kUser, kNumSwitches };
  // When each was last seen in the wrong position, on the monotonic clock.
  using LastWrong = std::array<std::optional<absl::Duration>, kNumSwitches>;
  const LastWrong& last_wrong() const { return last_wrong_; }
  void set_last_wrong(const LastWrong& last) { last_wrong_ = last; }

 private:
  class Objections;
  struct SwitchText {
    absl::string_view unknown;
    absl::string_view wrong;
    absl::string_view right_again;
  };

  void CheckBattery(const DeviceReadings& readings, bool working,
                    Objections& objections) const;
  void CheckWarmth(const DeviceReadings& readings, bool working,
                   Objections& objections) const;
  void CheckMemory(const DeviceReadings& readings, bool working,
                   Objections& objections) const;
  void CheckSwitch(Switch which, std::optional<bool> as_asked,
                   const SwitchText& text, absl::Duration now, bool working,
                   Objections& objections);
  void CheckWindows(absl::Time now, Objections& objections) const;

  const ConditionRules rules_;
  LastWrong last_wrong_;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_CONDITIONS_H_
