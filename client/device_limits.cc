#include "client/device_limits.h"

#include <array>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "client/limits/moment.h"
#include "client/limits/record.h"
#include "client/limits/system_readings.h"
#include "client/meters/find_meter.h"

namespace shoal::client {
namespace {

struct MeterWord {
  absl::string_view word;
  MeterKind kind;
};
constexpr std::array<MeterWord, 5> kMeterWords = {
    {{"auto", MeterKind::kAuto},
     {"hwmon", MeterKind::kHwmon},
     {"powercap", MeterKind::kPowercap},
     {"battery", MeterKind::kBattery},
     {"none", MeterKind::kNone}}};

absl::StatusOr<MeterKind> MeterKindFrom(absl::string_view word) {
  for (const MeterWord& known : kMeterWords) {
    if (known.word == word) return known.kind;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("limits.sensors.meter: '", word, "', expected one of ",
                   absl::StrJoin(kMeterWords, ", ",
                                 [](std::string* out, const MeterWord& known) {
                                   absl::StrAppend(out, known.word);
                                 })));
}

template <typename Number>
double LimitFrom(std::optional<Number> limit) {
  return limit.has_value() ? static_cast<double>(*limit) : kUnlimited;
}

BudgetLimits BudgetsFrom(const DeviceBudgets& budgets) {
  BudgetLimits limits;
  limits.per_day = {LimitFrom(budgets.joules_per_day),
                    LimitFrom(budgets.metered_bytes_per_day)};
  limits.per_round = {LimitFrom(budgets.joules_per_round),
                      LimitFrom(budgets.metered_bytes_per_round)};
  return limits;
}

absl::StatusOr<ConditionRules> RulesFrom(const DeviceConditions& conditions) {
  ConditionRules rules;
  rules.min_battery_fraction = conditions.min_battery_fraction;
  rules.external_power = conditions.external_power;
  rules.max_celsius = conditions.max_celsius;
  rules.unmetered_network = conditions.unmetered_network;
  rules.user_idle = conditions.user_idle;
  rules.max_memory_pressure = conditions.max_memory_pressure;
  rules.min_available_memory_bytes = conditions.min_available_memory_bytes;
  rules.settle_time = conditions.settle_time;
  for (const std::string& window : conditions.windows) {
    const absl::StatusOr<DayWindow> parsed = ParseDayWindow(window);
    if (!parsed.ok()) {
      return absl::InvalidArgumentError(absl::StrCat(
          "limits.conditions.windows: ", parsed.status().message()));
    }
    rules.windows.push_back(*parsed);
  }
  return rules;
}

SystemReadingsOptions ReadingsFrom(const DeviceSensors& sensors) {
  SystemReadingsOptions options;
  options.sysfs_root = sensors.sysfs_root;
  options.proc_root = sensors.proc_root;
  options.thermal_types = sensors.thermal_types;
  options.metered_interfaces = sensors.metered_interfaces;
  options.veto_file = sensors.veto_file;
  return options;
}

absl::StatusOr<std::unique_ptr<EnergyMeter>> MeterFrom(
    const DeviceSensors& sensors,
    std::function<absl::StatusOr<double>()> joules, const Clock& clock) {
  if (joules) return std::make_unique<CallbackMeter>(std::move(joules));
  MeterOptions options;
  SHOAL_ASSIGN_OR_RETURN(options.kind, MeterKindFrom(sensors.meter));
  options.hwmon = {sensors.hwmon_driver, sensors.hwmon_labels};
  options.sysfs_root = sensors.sysfs_root;
  auto meter = FindMeter(options, clock);
  if (meter.ok()) return meter;
  return absl::InvalidArgumentError(
      absl::StrCat("limits.sensors.meter: ", meter.status().message()));
}

class DeviceOpenLimits final : public OpenLimits {
 public:
  DeviceOpenLimits(const DeviceSensors& sensors, const std::string& folder,
                   const Clock& clock,
                   std::function<void(DeviceReadings&)> complete)
      : clock_(clock),
        moments_(sensors.proc_root),
        ledger_(folder + "/budgets.bin", FileRecord::kSynced),
        learned_(folder + "/costs.bin", FileRecord::kUnsynced),
        readings_(ReadingsFrom(sensors), std::move(complete)) {}

  absl::Status Open(const DeviceLimits& options,
                    std::function<absl::StatusOr<double>()> joules) {
    SHOAL_ASSIGN_OR_RETURN(const LimitsOptions opened,
                           LimitsOptionsFrom(options));
    SHOAL_ASSIGN_OR_RETURN(
        meter_, MeterFrom(options.sensors, std::move(joules), clock_));
    LimitsParts parts;
    parts.clock = &clock_;
    parts.moments = &moments_;
    parts.ledger = &ledger_;
    parts.learned = &learned_;
    parts.meter = meter_.get();
    parts.readings = &readings_;
    absl::StatusOr<std::unique_ptr<Limits>> limits =
        Limits::Create(opened, parts);
    if (absl::IsInvalidArgument(limits.status())) {
      return absl::InvalidArgumentError(
          absl::StrCat("limits: ", limits.status().message()));
    }
    SHOAL_RETURN_IF_ERROR(limits.status());
    limits_ = *std::move(limits);
    return absl::OkStatus();
  }

  Limits& limits() override { return *limits_; }

 private:
  const Clock& clock_;
  const SystemMoments moments_;
  FileRecord ledger_;
  FileRecord learned_;
  SystemReadings readings_;
  std::unique_ptr<EnergyMeter> meter_;  // may be null
  std::unique_ptr<Limits> limits_;
};

std::optional<double> IfLimited(double limit, double left) {
  if (limit == kUnlimited) return std::nullopt;
  return left;
}

}  // namespace

absl::StatusOr<LimitsOptions> LimitsOptionsFrom(const DeviceLimits& limits) {
  LimitsOptions options;
  options.budgets = BudgetsFrom(limits.budgets);
  options.energy = limits.energy;
  SHOAL_ASSIGN_OR_RETURN(options.rules, RulesFrom(limits.conditions));
  return options;
}

absl::StatusOr<std::unique_ptr<OpenLimits>> OpenDeviceLimits(
    const DeviceLimits& options, const std::string& state_folder,
    const Clock& clock, DeviceCallbacks callbacks) {
  auto opened = std::make_unique<DeviceOpenLimits>(
      options.sensors, state_folder, clock, std::move(callbacks.device_state));
  SHOAL_RETURN_IF_ERROR(opened->Open(options, std::move(callbacks.joules)));
  return opened;
}

BudgetStatus StatusOf(const LimitsReport& report) {
  BudgetStatus status;
  const Amounts& day = report.budgets.per_day;
  status.joules_left = IfLimited(day.joules, report.left.joules);
  status.metered_bytes_left =
      IfLimited(day.metered_bytes, report.left.metered_bytes);
  status.joules_spent = report.spent_ever.joules;
  status.metered_bytes_spent = report.spent_ever.metered_bytes;
  status.meter = report.meter;
  status.energy_error_p90 = report.relative_error_p90;
  status.note = report.book_note;
  if (!report.meter_fault.empty()) {
    absl::StrAppend(&status.note, status.note.empty() ? "" : "; ",
                    report.meter_fault);
  }
  return status;
}

}  // namespace shoal::client
