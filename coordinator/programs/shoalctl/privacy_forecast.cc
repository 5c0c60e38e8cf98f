#include "coordinator/programs/shoalctl/privacy_forecast.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <variant>

#include "base/status_macros.h"
#include "learning/model.h"
#include "privacy/accounting/calibration.h"
#include "privacy/differential_privacy/adaptive_clip.h"
#include "privacy/matrix_mechanisms/toeplitz.h"
#include "privacy/matrix_mechanisms/tree.h"

namespace shoal::shoalctl {
namespace {

using aggregation::TaskPrivacy;
using configuration::Task;

constexpr int kRows = 10;
// Of the task's rounds: a fifth, two fifths, … twice.
constexpr int kRowOfTheTask = 5;
constexpr double kNoiseFactors[] = {0.25, 0.5, 0.7, 0.85, 1, 1.2, 1.5, 2, 3, 5};
constexpr double kCohortFactors[] = {0.25, 0.5, 1, 2, 5, 10, 50, 100};

absl::StatusOr<privacy::CertifiedBounds> EpsilonOf(const TaskPrivacy& plan,
                                                   int64_t num_charges) {
  SHOAL_ASSIGN_OR_RETURN(
      const privacy::PrivacyEvent all,
      privacy::PrivacyEvent::Repeat(plan.charge, num_charges));
  return privacy::Epsilon(all, plan.query);
}

// The first column of the matrix that the noise multiplier is for when it has a
// norm of 1; noise is drawn for the column itself.
struct FirstColumn {
  using Column = absl::StatusOr<std::vector<double>>;
  int64_t rounds;

  Column operator()(const privacy::FreshNoise&) const {
    return std::vector<double>{1};
  }
  Column operator()(const privacy::DeviceNoise&) const {
    return std::vector<double>{1};
  }
  Column operator()(const privacy::NoiseMatrix& matrix) const {
    return std::visit(*this, matrix);
  }
  Column operator()(const privacy::TreeMatrix&) const {
    return std::vector<double>{1};
  }
  Column operator()(const privacy::BandedMatrix& matrix) const {
    return matrix.column;
  }
  Column operator()(const privacy::BufferedMatrix& matrix) const {
    return privacy::BufferedColumn(matrix.buffers, rounds);
  }
};

// Standard deviation of the first round's noise on a sum, over the clip norm,
// for a multiplier of 1.
absl::StatusOr<double> FirstDeviation(const privacy::RoundNoiseOptions& noise) {
  SHOAL_ASSIGN_OR_RETURN(
      const std::vector<double> column,
      std::visit(FirstColumn{noise.participation.num_rounds}, noise.kind));
  double squares = 0;
  for (const double value : column) squares += value * value;
  return std::sqrt(squares);
}

// Variance of the sum of all rounds' noise, over that of the first round's.
struct TotalVariance {
  int64_t rounds;

  double operator()(const privacy::FreshNoise&) const {
    return static_cast<double>(rounds);
  }
  double operator()(const privacy::DeviceNoise&) const {
    return static_cast<double>(rounds);
  }
  double operator()(const privacy::NoiseMatrix& matrix) const {
    return std::visit(*this, matrix);
  }
  double operator()(const privacy::TreeMatrix& tree) const {
    return privacy::TreeTotalVariance(rounds, tree.restart_every);
  }
  double operator()(const privacy::BandedMatrix& matrix) const {
    return privacy::ToeplitzPrefixError(matrix.column, rounds).largest_squared;
  }
  double operator()(const privacy::BufferedMatrix& matrix) const {
    return privacy::BufferedPrefixError(matrix.buffers, rounds);
  }
};

// With the very noise of the plan for so many rounds.
absl::StatusOr<double> EpsilonAfter(TaskPrivacy plan, int64_t rounds) {
  SHOAL_ASSIGN_OR_RETURN(const double deviation, FirstDeviation(plan.noise));
  plan.noise.participation.num_rounds = rounds;
  plan.noise.participation.max_participations = rounds;
  SHOAL_ASSIGN_OR_RETURN(const double other, FirstDeviation(plan.noise));
  plan.noise.noise_multiplier *= deviation / other;
  plan.rounds_per_charge = privacy::RoundsPerCharge(plan.noise);
  SHOAL_ASSIGN_OR_RETURN(plan.charge, privacy::ChargeOf(plan.noise));
  SHOAL_ASSIGN_OR_RETURN(const privacy::CertifiedBounds epsilon,
                         EpsilonOf(plan, plan.ChargesFor(rounds)));
  return epsilon.upper;
}

absl::Status AddByRounds(const Task& task, PrivacyForecast& forecast) {
  for (int row = 1; row <= kRows; ++row) {
    const int64_t rounds = std::max<int64_t>(
        1, (task.rounds * row + kRowOfTheTask / 2) / kRowOfTheTask);
    auto& rows = forecast.by_rounds;
    if (!rows.empty() && rows.back().rounds == rounds) continue;
    SHOAL_ASSIGN_OR_RETURN(const double epsilon,
                           EpsilonAfter(forecast.plan, rounds));
    rows.push_back({rounds, epsilon});
  }
  return absl::OkStatus();
}

absl::Status AddByNoise(PrivacyForecast& forecast) {
  for (const double factor : kNoiseFactors) {
    TaskPrivacy plan = forecast.plan;
    plan.noise.noise_multiplier *= factor;
    const auto charge = privacy::ChargeOf(plan.noise);
    // An adaptive clip norm's count alone may tell more than such noise allows.
    if (factor > 1 && plan.options.adaptive_clip.has_value() &&
        absl::IsInvalidArgument(charge.status())) {
      continue;
    }
    SHOAL_RETURN_IF_ERROR(charge.status());
    plan.charge = *charge;
    SHOAL_ASSIGN_OR_RETURN(const privacy::CertifiedBounds epsilon,
                           EpsilonOf(plan, forecast.num_charges));
    forecast.by_noise.push_back({plan.noise.noise_multiplier, epsilon.upper});
  }
  return absl::OkStatus();
}

// Where the clip norm is adaptive, its count takes part of the noise.
absl::StatusOr<double> MultiplierOfValues(const TaskPrivacy& plan, int cohort) {
  privacy::RoundNoiseOptions noise = plan.noise;
  auto* fresh = std::get_if<privacy::FreshNoise>(&noise.kind);
  if (fresh == nullptr || !fresh->adaptive_clip.has_value()) {
    return noise.noise_multiplier;
  }
  double& count_stddev = fresh->adaptive_clip->count_stddev;
  count_stddev =
      configuration::CountStddev(*plan.options.adaptive_clip, cohort);
  SHOAL_RETURN_IF_ERROR(privacy::ChargeOf(noise).status());
  return privacy::ValueNoiseMultiplier(noise.noise_multiplier, count_stddev);
}

// As the engine splits a cohort. Absent where it has no group.
std::optional<PrivacyForecast::Groups> GroupsOf(const Task& task,
                                                const TaskPrivacy& plan,
                                                int cohort) {
  const protocol::SecureAggregation& settings = *task.secure_aggregation;
  if (cohort < settings.min_group) return std::nullopt;
  const auto divided = [](int a, int b) { return (a + b - 1) / b; };
  PrivacyForecast::Groups groups;
  groups.number = divided(cohort, settings.max_group);
  groups.devices = divided(cohort, groups.number);
  groups.honest_survivors = plan.groups->HonestShares(groups.devices);
  groups.noise_factor = std::sqrt(static_cast<double>(groups.number)) *
                        plan.groups->FullGroupFactor(groups.devices);
  return groups;
}

// How much more noise is on the sum of a cohort than on what it is sized for.
// Absent: there is no such cohort.
std::optional<double> NoiseOfCohort(const Task& task, const TaskPrivacy& plan,
                                    int cohort) {
  if (plan.groups.has_value()) {
    const auto groups = GroupsOf(task, plan, cohort);
    if (!groups.has_value()) return std::nullopt;
    return groups->noise_factor;
  }
  return std::holds_alternative<configuration::LocalNoise>(plan.options.noise)
             ? std::sqrt(static_cast<double>(cohort))
             : 1;
}

absl::Status AddByCohort(const Task& task, PrivacyForecast& forecast) {
  SHOAL_ASSIGN_OR_RETURN(const double deviation,
                         FirstDeviation(forecast.plan.noise));
  const double total =
      std::visit(TotalVariance{task.rounds}, forecast.plan.noise.kind);
  const double length = std::sqrt(static_cast<double>(forecast.num_values));
  for (const double times : kCohortFactors) {
    const auto cohort =
        static_cast<int>(std::max(1.0, std::round(times * task.round.cohort)));
    auto& rows = forecast.by_cohort;
    if (!rows.empty() && rows.back().cohort == cohort) continue;
    const auto multiplier = MultiplierOfValues(forecast.plan, cohort);
    if (cohort < task.round.cohort &&
        absl::IsInvalidArgument(multiplier.status())) {
      continue;
    }
    SHOAL_RETURN_IF_ERROR(multiplier.status());
    const std::optional<double> factor =
        NoiseOfCohort(task, forecast.plan, cohort);
    if (!factor.has_value()) continue;
    NoiseAmount noise;
    noise.value = *multiplier * deviation * *factor / cohort;
    noise.update = noise.value * length;
    noise.model = noise.update * std::sqrt(total);
    noise.signal = static_cast<double>(task.rounds) / noise.model;
    rows.push_back({cohort, noise});
  }
  return absl::OkStatus();
}

// Correlated noise is paid for at once, and a plan has room for its first
// charge.
absl::Status FindAffordableRounds(const Task& task, PrivacyForecast& forecast) {
  const TaskPrivacy& plan = forecast.plan;
  forecast.affordable_rounds = task.rounds;
  forecast.spent = forecast.needed;
  if (forecast.needed.upper <= plan.options.epsilon) return absl::OkStatus();
  const auto event = [&](int64_t charges) {
    return privacy::PrivacyEvent::Repeat(plan.charge, charges);
  };
  SHOAL_ASSIGN_OR_RETURN(
      const privacy::CalibratedRounds charges,
      privacy::CalibrateRounds(event, plan.query, plan.options.epsilon,
                               forecast.num_charges));
  forecast.affordable_rounds =
      std::min(task.rounds, charges.rounds * plan.rounds_per_charge);
  forecast.spent = charges.epsilon;
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<PrivacyForecast> ForecastPrivacy(const Task& task) {
  PrivacyForecast forecast;
  SHOAL_ASSIGN_OR_RETURN(const std::unique_ptr<learning::Model> model,
                         learning::Model::Create(task.model));
  forecast.num_values = model->layout().num_parameters();
  SHOAL_ASSIGN_OR_RETURN(
      forecast.plan, aggregation::PlanTaskPrivacy(task, forecast.num_values));
  if (forecast.plan.groups.has_value()) {
    forecast.groups = GroupsOf(task, forecast.plan, task.round.cohort);
  }
  forecast.num_charges = forecast.plan.ChargesFor(task.rounds);
  SHOAL_ASSIGN_OR_RETURN(forecast.needed,
                         EpsilonOf(forecast.plan, forecast.num_charges));
  SHOAL_RETURN_IF_ERROR(FindAffordableRounds(task, forecast));
  SHOAL_RETURN_IF_ERROR(AddByRounds(task, forecast));
  SHOAL_RETURN_IF_ERROR(AddByNoise(forecast));
  SHOAL_RETURN_IF_ERROR(AddByCohort(task, forecast));
  return forecast;
}

}  // namespace shoal::shoalctl
