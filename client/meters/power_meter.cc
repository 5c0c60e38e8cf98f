#include "client/meters/power_meter.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "client/meters/energy_counter.h"
#include "client/meters/sensor_file.h"

namespace shoal::client {
namespace {

constexpr double kWattsPerMicrowatt = 1e-6;
constexpr int64_t kNotKnown = -1;

absl::StatusOr<double> ReadKnown(const std::string& path) {
  const absl::StatusOr<int64_t> value = ReadSensor(path);
  if (!value.ok()) return absl::UnavailableError(value.status().message());
  if (*value == kNotKnown) return Absurd(path, *value, "a reading");
  return static_cast<double>(*value);
}

class PowerMeter final : public EnergyMeter {
 public:
  PowerMeter(std::string name, std::vector<PowerSensor> sensors,
             const Clock& clock)
      : name_(std::move(name)), sensors_(std::move(sensors)), clock_(clock) {}

  absl::StatusOr<double> Joules() override {
    double watts = 0;
    for (const PowerSensor& sensor : sensors_) {
      const absl::StatusOr<double> part = ReadWatts(sensor);
      if (!part.ok()) {
        integral_.Interrupt();
        return part.status();
      }
      watts += std::max(*part, 0.0);
    }
    total_ += integral_.Advance(watts, clock_.Monotonic());
    return total_;
  }

  std::string name() const override { return name_; }

 private:
  const std::string name_;
  const std::vector<PowerSensor> sensors_;
  const Clock& clock_;
  PowerIntegral integral_;
  double total_ = 0;
};

}  // namespace

absl::StatusOr<double> ReadWatts(const PowerSensor& sensor) {
  double microwatts = 0;
  if (!sensor.power_path.empty()) {
    SHOAL_ASSIGN_OR_RETURN(microwatts, ReadKnown(sensor.power_path));
  } else {
    SHOAL_ASSIGN_OR_RETURN(const double milliamperes,
                           ReadKnown(sensor.current_path));
    SHOAL_ASSIGN_OR_RETURN(const double millivolts,
                           ReadKnown(sensor.voltage_path));
    microwatts = milliamperes * millivolts;
  }
  const double watts = microwatts * kWattsPerMicrowatt;
  if (std::abs(watts) <= kMostWatts) return watts;
  return absl::UnavailableError(absl::StrCat(
      sensor.power_path.empty() ? sensor.current_path : sensor.power_path,
      " means ", watts, " W, expected at most ", kMostWatts));
}

absl::StatusOr<std::unique_ptr<EnergyMeter>> MakePowerMeter(
    std::string name, std::vector<PowerSensor> sensors, const Clock& clock) {
  SHOAL_CHECK(!sensors.empty());
  auto meter =
      std::make_unique<PowerMeter>(std::move(name), std::move(sensors), clock);
  SHOAL_RETURN_IF_ERROR(meter->Joules().status());
  return meter;
}

}  // namespace shoal::client
