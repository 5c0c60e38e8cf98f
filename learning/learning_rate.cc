#include "learning/learning_rate.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace shoal::learning {
namespace {

absl::Status CheckAtLeast(absl::string_view name, int64_t value,
                          int64_t minimum) {
  if (value >= minimum) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value, ", expected at least ", minimum));
}

absl::Status CheckShape(const ConstantRate&) { return absl::OkStatus(); }

absl::Status CheckShape(const CosineRate& cosine) {
  SHOAL_RETURN_IF_ERROR(CheckAtLeast("cosine.rounds", cosine.rounds, 1));
  if (cosine.final_fraction >= 0 && cosine.final_fraction <= 1) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "cosine.final_fraction is ", cosine.final_fraction, ", expected 0 to 1"));
}

absl::Status CheckShape(const StepRate& step) {
  SHOAL_RETURN_IF_ERROR(
      CheckAtLeast("step.every_rounds", step.every_rounds, 1));
  if (step.factor > 0 && step.factor <= 1) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "step.factor is ", step.factor, ", expected more than 0 and at most 1"));
}

double Fraction(const ConstantRate&, double) { return 1; }

double Fraction(const CosineRate& cosine, double time) {
  const double part = std::min(1.0, time / static_cast<double>(cosine.rounds));
  return cosine.final_fraction + (1 - cosine.final_fraction) *
                                     (1 + std::cos(std::numbers::pi * part)) /
                                     2;
}

double Fraction(const StepRate& step, double time) {
  return std::pow(step.factor,
                  std::floor(time / static_cast<double>(step.every_rounds)));
}

}  // namespace

absl::Status CheckSchedule(const LearningRateSchedule& schedule) {
  SHOAL_RETURN_IF_ERROR(
      CheckAtLeast("warmup_rounds", schedule.warmup_rounds, 0));
  return std::visit([](const auto& shape) { return CheckShape(shape); },
                    schedule.shape);
}

double LearningRate(const LearningRateSchedule& schedule, double base,
                    int64_t round, double fraction_of_round) {
  const double time = static_cast<double>(round) + fraction_of_round;
  const double fraction =
      std::visit([time](const auto& shape) { return Fraction(shape, time); },
                 schedule.shape);
  const double warmup =
      (time + 1) / (static_cast<double>(schedule.warmup_rounds) + 1);
  return base * fraction * std::min(1.0, warmup);
}

}  // namespace shoal::learning
