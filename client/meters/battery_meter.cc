#include "client/meters/battery_meter.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "client/meters/energy_counter.h"
#include "client/meters/power_supply.h"
#include "client/meters/sensor_file.h"

namespace shoal::client {
namespace {

constexpr double kMicro = 1e-6;
constexpr double kJoulesPerWattHour = 3600;
// What drivers show for "not known".
constexpr int64_t kNotKnown = -1;

absl::StatusOr<double> ReadMicro(const std::string& path) {
  const absl::StatusOr<int64_t> value = ReadSensor(path);
  if (!value.ok()) return absl::UnavailableError(value.status().message());
  if (*value == kNotKnown) return Absurd(path, *value, "a reading");
  return static_cast<double>(*value) * kMicro;
}

// One way to read a battery: a file, perhaps times the voltage.
struct Gauge {
  const char* file;
  bool times_voltage;
  bool is_stored_energy;  // watt hours that are left; otherwise watts
};

constexpr Gauge kGauges[] = {
    {"/power_now", false, false},
    {"/current_now", true, false},
    {"/energy_now", false, true},
    {"/charge_now", true, true},
};

class BatteryGauge {
 public:
  BatteryGauge(std::string folder, const Gauge& gauge)
      : folder_(std::move(folder)),
        path_(folder_ + gauge.file),
        voltage_path_(folder_ + "/voltage_now"),
        gauge_(gauge) {}

  // Joules since the last reading, 0 for the first.
  absl::StatusOr<double> Advance(absl::Duration now) {
    const absl::StatusOr<double> joules = TryAdvance(now);
    if (!joules.ok()) {
      integral_.Interrupt();
      stored_.reset();
    }
    return joules;
  }

  bool is_stored_energy() const { return gauge_.is_stored_energy; }

  // Watts or watt hours, whatever the sign.
  absl::StatusOr<double> Value() const {
    SHOAL_ASSIGN_OR_RETURN(const double value, ReadMicro(path_));
    if (!gauge_.times_voltage) return std::abs(value);
    SHOAL_ASSIGN_OR_RETURN(const double volts, ReadMicro(voltage_path_));
    return std::abs(value * volts);
  }

 private:
  absl::StatusOr<double> TryAdvance(absl::Duration now) {
    SHOAL_ASSIGN_OR_RETURN(const bool discharging, IsDischarging(folder_));
    if (!discharging) {
      return absl::UnavailableError(
          absl::StrCat(folder_,
                       " does not discharge: it says nothing about "
                       "what the device spends"));
    }
    SHOAL_ASSIGN_OR_RETURN(const double value, Value());
    if (gauge_.is_stored_energy) return Fall(value, now);
    if (value <= kMostWatts) return integral_.Advance(value, now);
    return absl::UnavailableError(absl::StrCat(
        path_, " means ", value, " W, expected at most ", kMostWatts));
  }

  // What left the store since the last reading.
  absl::StatusOr<double> Fall(double watt_hours, absl::Duration now) {
    const std::optional<Stored> last =
        std::exchange(stored_, Stored{watt_hours, now});
    if (!last.has_value()) return 0;
    const double joules = (last->watt_hours - watt_hours) * kJoulesPerWattHour;
    const double most =
        kMostWatts * (1 + absl::ToDoubleSeconds(now - last->at));
    if (joules >= 0 && joules <= most) return joules;
    return absl::UnavailableError(absl::StrCat(
        path_, " means ", watt_hours, " Wh after ", last->watt_hours,
        " Wh while discharging, expected a little less"));
  }

  struct Stored {
    double watt_hours;
    absl::Duration at;
  };

  const std::string folder_;
  const std::string path_;
  const std::string voltage_path_;
  const Gauge gauge_;
  PowerIntegral integral_;
  std::optional<Stored> stored_;
};

class BatteryMeter final : public EnergyMeter {
 public:
  BatteryMeter(std::string name, std::vector<BatteryGauge> gauges,
               const Clock& clock)
      : name_(std::move(name)), gauges_(std::move(gauges)), clock_(clock) {}

  absl::StatusOr<double> Joules() override {
    const absl::Duration now = clock_.Monotonic();
    absl::Status first_error;
    double sum = 0;
    for (BatteryGauge& gauge : gauges_) {
      const absl::StatusOr<double> joules = gauge.Advance(now);
      if (joules.ok()) {
        sum += *joules;
      } else {
        first_error.Update(joules.status());
      }
    }
    SHOAL_RETURN_IF_ERROR(first_error);
    total_ += sum;
    return total_;
  }

  bool coarse() const override {
    return std::any_of(
        gauges_.begin(), gauges_.end(),
        [](const BatteryGauge& gauge) { return gauge.is_stored_energy(); });
  }
  std::string name() const override { return name_; }

 private:
  const std::string name_;
  std::vector<BatteryGauge> gauges_;
  const Clock& clock_;
  double total_ = 0;
};

}  // namespace

absl::StatusOr<std::unique_ptr<EnergyMeter>> OpenBatteryMeter(
    const std::string& sysfs_root, const Clock& clock) {
  std::vector<BatteryGauge> gauges;
  std::vector<std::string> names;
  for (const std::string& folder : FindBatteries(sysfs_root)) {
    for (const Gauge& gauge : kGauges) {
      BatteryGauge candidate(folder, gauge);
      if (!candidate.Value().ok()) continue;
      names.push_back(
          absl::StrCat(folder.substr(folder.rfind('/') + 1), gauge.file));
      gauges.push_back(std::move(candidate));
      break;
    }
  }
  if (gauges.empty()) {
    return absl::NotFoundError(
        absl::StrCat(sysfs_root,
                     "/class/power_supply has no battery whose power or "
                     "energy can be read"));
  }
  return std::make_unique<BatteryMeter>(
      absl::StrCat("battery (", absl::StrJoin(names, ", "), ")"),
      std::move(gauges), clock);
}

}  // namespace shoal::client
