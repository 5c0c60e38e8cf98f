// A device at random, and what really happens to it: what it spends, how time
// goes by, what its clocks say, and when it dies.
#ifndef SHOAL_TESTS_CLIENT_LIMITS_DEVICE_WORLD_H_
#define SHOAL_TESTS_CLIENT_LIMITS_DEVICE_WORLD_H_

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "client/limits/limits.h"

namespace shoal::client::testing {

// A token bucket that knows everything.
class TrueBucket {
 public:
  // `most`: per_day, or kUnlimited where time may come in late.
  TrueBucket(double per_day, double most)
      : per_day_(per_day), most_(most), left_(per_day) {}

  void Refill(absl::Duration passed) {
    if (per_day_ == kUnlimited) return;
    left_ = std::min(
        most_, left_ + per_day_ * absl::FDivDuration(passed, absl::Hours(24)));
  }
  void Spend(double amount) { left_ -= amount; }
  void Forgive(double amount) { left_ += amount; }
  double overdrawn() const { return std::max(-left_, 0.0); }

 private:
  const double per_day_;
  const double most_;
  double left_;
};

// Bytes that survive processes. It can die while it saves, with the old bytes
// or the new ones.
class DyingRecord final : public Record {
 public:
  absl::StatusOr<std::string> Load() override { return bytes_.Load(); }
  absl::Status Save(absl::string_view bytes) override {
    if (dead_) return absl::UnavailableError("this process is dead");
    if (saves_until_death_ > 0 && --saves_until_death_ == 0) {
      dead_ = true;
      if (!keeps_new_bytes_) return absl::UnavailableError("died before");
    }
    return bytes_.Save(bytes);
  }

  // 0: never.
  void DieAtSave(int number, bool keep_new_bytes) {
    saves_until_death_ = number;
    keeps_new_bytes_ = keep_new_bytes;
  }
  void Revive() {
    dead_ = false;
    saves_until_death_ = 0;
  }
  bool dead() const { return dead_; }

 private:
  MemoryRecord bytes_;
  int saves_until_death_ = 0;
  bool keeps_new_bytes_ = false;
  bool dead_ = false;
};

// The clocks of a device: time goes on, boots come, the calendar is wrong.
class DeviceClocks final : public MomentSource {
 public:
  Moment Now() const override {
    return {absl::StrCat("boot ", boot_), clock_.Monotonic() - boot_time_,
            start_ + clock_.Monotonic() + calendar_offset_};
  }
  const Clock& clock() const { return clock_; }

  void Advance(absl::Duration step) { clock_.Advance(step); }
  void Boot() {
    ++boot_;
    boot_time_ = clock_.Monotonic();
  }
  // The calendar against the truth.
  void SetCalendar(absl::Duration offset) { calendar_offset_ = offset; }
  // As without a battery of its own: it is 1970 again.
  void ForgetCalendar() {
    SetCalendar(absl::UnixEpoch() - (start_ + clock_.Monotonic()));
  }
  // How much later the calendar is, against the truth, than at any look before:
  // no calendar can tell of more time that was not there.
  absl::Duration LookForLater() {
    const absl::Duration latest = latest_offset_.value_or(calendar_offset_);
    latest_offset_ = std::max(latest, calendar_offset_);
    return *latest_offset_ - latest;
  }

 private:
  const absl::Time start_ = absl::FromUnixSeconds(1'800'000'000);

  VirtualClock clock_;
  int boot_ = 0;
  absl::Duration boot_time_;
  absl::Duration calendar_offset_;
  std::optional<absl::Duration> latest_offset_;  // of all looks
};

enum class Calendar {
  kRightAtBoots,  // in between it is set back at times
  kNone,          // it begins anew with every boot
  kWrong,         // set back and ahead at any time, and anew by every boot
};

// What differs from device to device.
struct DeviceTraits {
  bool has_meter = false;
  EnergyCoefficients costs;  // what work really takes
  double noise = 0;          // of what it takes, relative
  double outliers = 0;       // how often a piece of work takes five times that
  Calendar calendar = Calendar::kRightAtBoots;
  LimitsOptions options;

  static DeviceTraits Random(SeededRng& rng) {
    DeviceTraits traits;
    traits.has_meter = rng.Below(4) != 0;
    const auto factor = [&] { return 0.3 + 2 * rng.Uniform(); };
    if (traits.has_meter) {
      traits.costs = {factor(), 3 * factor(), 5 * factor(), factor(),
                      0.5 * factor()};
      traits.noise = 0.5 * rng.Uniform();
      traits.outliers = rng.Below(2) == 0 ? 0 : 0.02;
    }
    traits.calendar = std::array{Calendar::kRightAtBoots, Calendar::kNone,
                                 Calendar::kWrong}[rng.Below(3)];
    BudgetLimits& budgets = traits.options.budgets;
    budgets.per_day.joules = 10 + 60 * rng.Uniform();
    if (rng.Below(2) == 0) budgets.per_round.joules = 5 + 30 * rng.Uniform();
    if (rng.Below(2) == 0) {
      budgets.per_day.metered_bytes = 60'000 + 300'000 * rng.Uniform();
    }
    ConditionRules& rules = traits.options.rules;
    rules.time_zone = absl::UTCTimeZone();
    rules.external_power = rng.Below(3) == 0;
    rules.unmetered_network = rng.Below(4) == 0;
    rules.user_idle = rng.Below(4) == 0;
    if (rng.Below(2) == 0) rules.min_battery_fraction = 0.4;
    if (rng.Below(2) == 0) rules.max_celsius = 45;
    return traits;
  }
};

// The surroundings, which change at random.
class RandomReadings final : public ReadingsSource {
 public:
  explicit RandomReadings(SeededRng& rng) : rng_(rng) {
    now_.battery_fraction = 1;
    now_.external_power = true;
    now_.celsius = 30;
    now_.network = Network::kUnmetered;
    now_.user_idle = true;
  }
  DeviceReadings Read() override { return now_; }
  const DeviceReadings& now() const { return now_; }

  // Each of them changes with this probability.
  void Change(double probability) {
    const auto changes = [&] { return rng_.Uniform() < probability; };
    if (changes()) now_.external_power = rng_.Below(4) != 0;
    if (changes()) now_.user_idle = rng_.Below(4) != 0;
    if (changes()) now_.battery_fraction = 0.3 + 0.7 * rng_.Uniform();
    if (changes()) now_.celsius = 25 + 25 * rng_.Uniform();
    if (changes()) {
      switch (rng_.Below(8)) {
        case 0:
          now_.network = Network::kNone;
          break;
        case 1:
        case 2:
          now_.network = Network::kMetered;
          break;
        default:
          now_.network = Network::kUnmetered;
      }
    }
  }

 private:
  SeededRng& rng_;
  DeviceReadings now_;
};

// Whether work may go on, said without the code under test.
inline bool MayWork(const ConditionRules& rules,
                    const DeviceReadings& readings) {
  if (rules.external_power && readings.external_power != true) return false;
  if (rules.user_idle && readings.user_idle != true) return false;
  if (rules.unmetered_network && readings.network != Network::kUnmetered) {
    return false;
  }
  if (rules.max_celsius.has_value() && *readings.celsius > *rules.max_celsius) {
    return false;
  }
  return !rules.min_battery_fraction.has_value() ||
         readings.external_power == true ||
         *readings.battery_fraction >= *rules.min_battery_fraction;
}

}  // namespace shoal::client::testing

#endif  // SHOAL_TESTS_CLIENT_LIMITS_DEVICE_WORLD_H_
