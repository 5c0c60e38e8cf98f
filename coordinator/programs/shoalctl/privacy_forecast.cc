#include "coordinator/programs/shoalctl/privacy_forecast.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
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

// Of a task with so many rounds and the noise of the plan, whatever it costs.
absl::StatusOr<double> EpsilonAfter(Task task, const TaskPrivacy& plan,
                                    int64_t rounds) {
  task.rounds = rounds;
  task.differential_privacy->noise_multiplier = plan.noise.noise_multiplier;
  task.differential_privacy->epsilon = std::numeric_limits<double>::infinity();
  SHOAL_ASSIGN_OR_RETURN(const TaskPrivacy other,
                         aggregation::PlanTaskPrivacy(task));
  SHOAL_ASSIGN_OR_RETURN(const privacy::CertifiedBounds epsilon,
                         EpsilonOf(other, other.ChargesFor(rounds)));
  return epsilon.upper;
}

absl::Status AddByRounds(const Task& task, PrivacyForecast& forecast) {
  for (int row = 1; row <= kRows; ++row) {
    const int64_t rounds = std::max<int64_t>(
        1, (task.rounds * row + kRowOfTheTask / 2) / kRowOfTheTask);
    auto& rows = forecast.by_rounds;
    if (!rows.empty() && rows.back().rounds == rounds) continue;
    SHOAL_ASSIGN_OR_RETURN(const double epsilon,
                           EpsilonAfter(task, forecast.plan, rounds));
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

// Standard deviations, over noise multiplier and clip norm, of the first
// round's sum and of the sum over all rounds.
struct Deviations {
  double first_round = 0;
  double all_rounds = 0;
};

double Norm(const std::vector<double>& column) {
  double squares = 0;
  for (const double value : column) squares += value * value;
  return std::sqrt(squares);
}

struct DeviationsOf {
  int64_t rounds;

  absl::StatusOr<Deviations> operator()(const privacy::FreshNoise&) const {
    return Deviations{1, std::sqrt(static_cast<double>(rounds))};
  }
  absl::StatusOr<Deviations> operator()(
      const privacy::NoiseMatrix& matrix) const {
    return std::visit(*this, matrix);
  }
  absl::StatusOr<Deviations> operator()(const privacy::TreeMatrix& tree) const {
    return Deviations{
        1, std::sqrt(privacy::TreeTotalVariance(rounds, tree.restart_every))};
  }
  // The multiplier is for columns of norm 1, the matrix begins with 1.
  absl::StatusOr<Deviations> operator()(
      const privacy::BandedMatrix& matrix) const {
    const double error =
        privacy::ToeplitzPrefixError(matrix.column, rounds).largest_squared;
    const double norm = Norm(matrix.column);
    return Deviations{norm, norm * std::sqrt(error)};
  }
  absl::StatusOr<Deviations> operator()(
      const privacy::BufferedMatrix& matrix) const {
    SHOAL_ASSIGN_OR_RETURN(const std::vector<double> column,
                           privacy::BufferedColumn(matrix.buffers, rounds));
    const double error = privacy::BufferedPrefixError(matrix.buffers, rounds);
    return Deviations{Norm(column), Norm(column) * std::sqrt(error)};
  }
};

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

absl::Status AddByCohort(const Task& task, PrivacyForecast& forecast) {
  SHOAL_ASSIGN_OR_RETURN(
      const Deviations deviations,
      std::visit(DeviationsOf{task.rounds}, forecast.plan.noise.kind));
  const double length = std::sqrt(static_cast<double>(forecast.num_values));
  for (const double factor : kCohortFactors) {
    const auto cohort =
        static_cast<int>(std::max(1.0, std::round(factor * task.round.cohort)));
    auto& rows = forecast.by_cohort;
    if (!rows.empty() && rows.back().cohort == cohort) continue;
    const auto multiplier = MultiplierOfValues(forecast.plan, cohort);
    if (cohort < task.round.cohort &&
        absl::IsInvalidArgument(multiplier.status())) {
      continue;
    }
    SHOAL_RETURN_IF_ERROR(multiplier.status());
    const double scale = *multiplier / cohort;
    NoiseAmount noise;
    noise.value = scale * deviations.first_round;
    noise.update = noise.value * length;
    noise.model = scale * deviations.all_rounds * length;
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
  SHOAL_ASSIGN_OR_RETURN(forecast.plan, aggregation::PlanTaskPrivacy(task));
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
