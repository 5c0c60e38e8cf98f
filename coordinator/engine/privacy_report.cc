#include "coordinator/engine/privacy_report.h"

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "configuration/task.h"
#include "privacy/differential_privacy/round_noise.h"

namespace shoal::coordinator {

using privacy::PrivacyEvent;

namespace {

absl::StatusOr<std::vector<PrivacySpending>> SpendingOf(
    absl::Span<const ChargeRow> charges) {
  std::vector<PrivacySpending> spending;
  std::map<std::pair<std::string, std::string>, size_t> places;
  for (const ChargeRow& row : charges) {
    const auto [place, is_new] =
        places.try_emplace({row.task, row.event}, spending.size());
    if (is_new) {
      SHOAL_ASSIGN_OR_RETURN(const PrivacyEvent event,
                             PrivacyEvent::Parse(row.event));
      spending.push_back({row.task, event.ToString(), 0});
    }
    ++spending[place->second].num_charges;
  }
  return spending;
}

// As the store has it now. (A ledger whose log is newer than its restored
// database may name tasks that are not there.)
absl::StatusOr<aggregation::ChargedTask> ChargedTaskOf(
    RoundStore& store, const std::string& name, const std::string& population) {
  aggregation::ChargedTask charged = {name, std::nullopt};
  const absl::StatusOr<TaskRow> row = store.GetTask(name);
  if (absl::IsNotFound(row.status())) return charged;
  SHOAL_RETURN_IF_ERROR(row.status());
  SHOAL_ASSIGN_OR_RETURN(configuration::Task task,
                         configuration::ParseTask(row->definition));
  const bool is_of_charges =
      task.population == population && task.differential_privacy.has_value() &&
      task.differential_privacy->noise_multiplier.has_value();
  if (is_of_charges) charged.task = std::move(task);
  return charged;
}

absl::StatusOr<std::vector<aggregation::ChargedTask>> OthersIn(
    RoundStore& store, const std::vector<PrivacySpending>& spending,
    const TaskRow& row) {
  std::vector<aggregation::ChargedTask> others;
  std::set<std::string> seen = {row.name};
  for (const PrivacySpending& one : spending) {
    if (!seen.insert(one.task).second) continue;
    SHOAL_ASSIGN_OR_RETURN(others.emplace_back(),
                           ChargedTaskOf(store, one.task, row.population));
  }
  return others;
}

}  // namespace

absl::StatusOr<PrivacyEvent> EventOf(absl::Span<const ChargeRow> charges) {
  std::map<std::string, int64_t> counts;  // by event
  for (const ChargeRow& row : charges) ++counts[row.event];
  std::vector<PrivacyEvent> events;
  for (const auto& [bytes, count] : counts) {
    absl::StatusOr<PrivacyEvent> event = PrivacyEvent::Parse(bytes);
    if (event.ok()) event = PrivacyEvent::Repeat(*std::move(event), count);
    if (!event.ok()) {
      return absl::DataLossError(absl::StrCat("a charge of population '",
                                              charges[0].population,
                                              "': ", event.status().message()));
    }
    events.push_back(*std::move(event));
  }
  return PrivacyEvent::Compose(std::move(events));
}

absl::StatusOr<privacy::CalibratedRounds> AffordableCharges(
    const aggregation::TaskPrivacy& plan, const PrivacyEvent& spent,
    int64_t at_most, const KeepGoing& keep_going) {
  const auto with = [&](int64_t more) -> absl::StatusOr<PrivacyEvent> {
    if (keep_going && !keep_going()) return absl::CancelledError("cancelled");
    SHOAL_ASSIGN_OR_RETURN(PrivacyEvent repeated,
                           PrivacyEvent::Repeat(plan.charge, more));
    return PrivacyEvent::Compose({spent, std::move(repeated)});
  };
  return privacy::CalibrateRounds(with, plan.query, plan.options.epsilon,
                                  at_most);
}

absl::StatusOr<PrivacyReport> ReportPrivacy(RoundStore& store,
                                            const TaskSetup& setup,
                                            const TaskRow& row,
                                            const KeepGoing& keep_going) {
  if (keep_going && !keep_going()) return absl::CancelledError("cancelled");
  const aggregation::TaskPrivacy& plan = *setup.privacy;
  SHOAL_ASSIGN_OR_RETURN(const std::vector<ChargeRow> charges,
                         store.ListCharges(row.population));
  SHOAL_ASSIGN_OR_RETURN(const Secret state, store.GetMechanismState(row.name));
  SHOAL_ASSIGN_OR_RETURN(const PrivacyEvent spent, EventOf(charges));
  PrivacyReport report;
  report.plan = plan;
  report.num_charges = std::ssize(charges);
  SHOAL_ASSIGN_OR_RETURN(report.spending, SpendingOf(charges));
  report.rounds_committed = row.rounds_committed;
  SHOAL_ASSIGN_OR_RETURN(report.spent, privacy::Epsilon(spent, plan.query));
  SHOAL_ASSIGN_OR_RETURN(const std::vector<aggregation::ChargedTask> others,
                         OthersIn(store, report.spending, row));
  report.guarantee =
      aggregation::GuaranteeOf(setup.task, plan, report.spent, others);
  report.projected = report.spent;
  report.projected_rounds = row.rounds_committed;
  if (IsFinal(row.state)) return report;

  const int64_t paid = privacy::RoundsPaid(plan.noise, state.Reveal());
  const int64_t unpaid =
      std::max<int64_t>(0, row.rounds - row.rounds_committed - paid);
  const int64_t wanted = plan.ChargesFor(unpaid);
  int64_t affordable = 0;
  if (wanted > 0) {
    SHOAL_ASSIGN_OR_RETURN(const privacy::CalibratedRounds rounds,
                           AffordableCharges(plan, spent, wanted, keep_going));
    affordable = rounds.rounds;
    if (affordable > 0) report.projected = rounds.epsilon;
  }
  report.projected_rounds =
      std::min(row.rounds, row.rounds_committed + paid +
                               affordable * plan.rounds_per_charge);
  return report;
}

}  // namespace shoal::coordinator
