#include "client/limits/limits.h"

#include <cmath>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace shoal::client {
namespace {

absl::Status OutOfRange(absl::string_view name, double value,
                        absl::string_view expected) {
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value, ", expected ", expected));
}

absl::Status CheckLimit(absl::string_view name, double value) {
  // Also when it is no number.
  if (value > 0) return absl::OkStatus();
  return OutOfRange(name, value, "more than 0");
}

absl::Status CheckCost(absl::string_view name, double value) {
  if (std::isfinite(value) && value >= 0) return absl::OkStatus();
  return OutOfRange(name, value, "at least 0");
}

absl::Status CheckFraction(absl::string_view name,
                           std::optional<double> value) {
  if (!value.has_value() || (*value >= 0 && *value <= 1)) {
    return absl::OkStatus();
  }
  return OutOfRange(name, *value, "0 to 1");
}

absl::Status Check(const BudgetLimits& budgets) {
  SHOAL_RETURN_IF_ERROR(CheckLimit("joules per day", budgets.per_day.joules));
  SHOAL_RETURN_IF_ERROR(
      CheckLimit("metered bytes per day", budgets.per_day.metered_bytes));
  SHOAL_RETURN_IF_ERROR(
      CheckLimit("joules per round", budgets.per_round.joules));
  return CheckLimit("metered bytes per round", budgets.per_round.metered_bytes);
}

absl::Status Check(const EnergyCoefficients& energy) {
  SHOAL_RETURN_IF_ERROR(
      CheckCost("joules per connection", energy.joules_per_connection));
  SHOAL_RETURN_IF_ERROR(CheckCost("joules per received megabyte",
                                  energy.joules_per_received_megabyte));
  SHOAL_RETURN_IF_ERROR(
      CheckCost("joules per sent megabyte", energy.joules_per_sent_megabyte));
  SHOAL_RETURN_IF_ERROR(
      CheckCost("joules per gigaflop", energy.joules_per_gigaflop));
  return CheckCost("watts awake", energy.watts_awake);
}

absl::Status Check(const ConditionRules& rules) {
  SHOAL_RETURN_IF_ERROR(
      CheckFraction("the least battery level", rules.min_battery_fraction));
  SHOAL_RETURN_IF_ERROR(
      CheckFraction("the most memory pressure", rules.max_memory_pressure));
  if (rules.max_celsius.has_value() && !std::isfinite(*rules.max_celsius)) {
    return OutOfRange("the highest temperature", *rules.max_celsius,
                      "degrees Celsius");
  }
  if (rules.settle_time >= absl::ZeroDuration()) return absl::OkStatus();
  return absl::InvalidArgumentError("the settle time is below zero");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Limits>> Limits::Create(
    const LimitsOptions& options, const LimitsParts& parts) {
  SHOAL_CHECK(parts.clock != nullptr && parts.moments != nullptr);
  SHOAL_CHECK(parts.ledger != nullptr && parts.learned != nullptr);
  SHOAL_RETURN_IF_ERROR(Check(options.budgets));
  SHOAL_RETURN_IF_ERROR(Check(options.energy));
  SHOAL_RETURN_IF_ERROR(Check(options.rules));
  SHOAL_ASSIGN_OR_RETURN(
      auto ledger,
      BudgetLedger::Open(options.budgets, *parts.ledger, *parts.moments));
  return absl::WrapUnique(new Limits(options, parts, std::move(ledger)));
}

Limits::Limits(const LimitsOptions& options, const LimitsParts& parts,
               std::unique_ptr<BudgetLedger> ledger)
    : parts_(parts),
      ledger_(std::move(ledger)),
      conditions_(options.rules),
      costs_(LearnedCosts::Load(options.energy, *parts.learned)) {
  GovernorParts governed;
  governed.clock = parts.clock;
  governed.meter = parts.meter;
  governed.readings = parts.readings;
  governed.conditions = &conditions_;
  governed.ledger = ledger_.get();
  governed.costs = &costs_;
  governor_.emplace(governed);
}

LimitsReport Limits::Report() {
  LimitsReport report;
  report.budgets = ledger_->limits();
  report.left = ledger_->Left();
  report.spent_ever = ledger_->state().spent_ever;
  report.num_crashes = ledger_->state().num_crashes;
  report.book_note = ledger_->opening_note();
  report.meter = parts_.meter == nullptr ? "calculated" : parts_.meter->name();
  report.meter_fault = governor_->meter_fault();
  report.energy = costs_.energy.coefficients();
  report.num_measurements = costs_.energy.num_observations();
  report.relative_error_p90 = costs_.energy.relative_error_p90();
  return report;
}

}  // namespace shoal::client
