#include "coordinator/service/admin_reports.h"

#include <map>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/status_macros.h"
#include "configuration/task_proto.h"
#include "coordinator/engine/explain_groups.h"
#include "learning/expand_model.h"
#include "protocol/wire.h"

namespace shoal::coordinator {
namespace {

// Of one device, or of one round.
constexpr int kMostFaults = 100;

std::string BytesOf(const Digest& digest) {
  return digest.empty() ? std::string() : std::string(digest.AsBytes());
}

// What has happened.
bool IsTime(absl::Time time) {
  return time != absl::InfinitePast() && time != absl::InfiniteFuture();
}

#define SHOAL_SET_TIME(report, field, time)                \
  if (IsTime(time)) {                                      \
    *(report).mutable_##field() = protocol::ToProto(time); \
  }

v1::RoundState ToProto(RoundState state) {
  switch (state) {
    case RoundState::kOpen:
      return v1::ROUND_STATE_OPEN;
    case RoundState::kCollecting:
      return v1::ROUND_STATE_COLLECTING;
    case RoundState::kSealed:
      return v1::ROUND_STATE_SEALED;
    case RoundState::kRevealed:
      return v1::ROUND_STATE_REVEALED;
    case RoundState::kCommitted:
      return v1::ROUND_STATE_COMMITTED;
    case RoundState::kFailed:
      return v1::ROUND_STATE_FAILED;
  }
  return v1::ROUND_STATE_UNSPECIFIED;
}

v1::TaskState ToProto(TaskState state) {
  switch (state) {
    case TaskState::kActive:
      return v1::TASK_STATE_ACTIVE;
    case TaskState::kPaused:
      return v1::TASK_STATE_PAUSED;
    case TaskState::kStopped:
      return v1::TASK_STATE_STOPPED;
    case TaskState::kCompleted:
      return v1::TASK_STATE_COMPLETED;
  }
  return v1::TASK_STATE_UNSPECIFIED;
}

void AddOutcomes(absl::Span<const AssignmentRow> assignments,
                 v1::RoundReport& report) {
  std::map<std::string, int64_t> counts;
  for (const AssignmentRow& assignment : assignments) {
    if (!assignment.outcome.empty()) ++counts[assignment.outcome];
  }
  for (const auto& [outcome, count] : counts) {
    v1::OutcomeCount& out = *report.add_outcomes();
    out.set_outcome(outcome);
    out.set_devices(count);
  }
}

void AddGroups(absl::Span<const GroupSummary> groups, v1::RoundReport& report) {
  if (groups.empty()) return;
  const GroupTotals totals = TotalsOf(groups);
  v1::GroupsReport& out = *report.mutable_groups();
  out.set_formed(totals.formed);
  out.set_members(totals.members);
  out.set_burnt(totals.burnt);
  for (size_t i = 0; i < kGroupSteps.size(); ++i) {
    if (totals.lost[i] == 0) continue;
    v1::StepLoss& loss = *out.add_lost();
    loss.set_step(std::string(kGroupSteps[i]));
    loss.set_devices(totals.lost[i]);
  }
  for (const std::string& reason : totals.burn_reasons) {
    out.add_burn_reasons(reason);
  }
}

absl::StatusOr<configuration::Task> Definition(const TaskRow& row) {
  absl::StatusOr<configuration::Task> task =
      configuration::ParseTask(row.definition);
  if (task.ok()) return task;
  return absl::DataLossError(
      absl::StrCat("the stored definition of task ", row.name,
                   " is damaged: ", task.status().message()));
}

}  // namespace

v1::ModelReport ToReport(const ModelRow& row) {
  v1::ModelReport report;
  report.set_digest(BytesOf(row.digest));
  report.set_task(row.task);
  report.set_version(row.version);
  report.set_num_bytes(row.num_bytes);
  report.set_num_parameters(row.num_parameters);
  report.set_round_id(row.round_id);
  report.set_parent(BytesOf(row.parent));
  SHOAL_SET_TIME(report, created, row.created);
  report.set_contributors(row.contributors);
  return report;
}

v1::DeviceReport ToReport(const DeviceRow& row) {
  v1::DeviceReport report;
  report.set_id(row.id);
  report.set_name(row.name);
  report.set_population(row.population);
  SHOAL_SET_TIME(report, enrolled, row.enrolled);
  SHOAL_SET_TIME(report, last_seen, row.last_seen);
  SHOAL_SET_TIME(report, certificate_expires, row.certificate_expires);
  report.set_contributions(row.contributions);
  report.set_sdk_version(row.sdk_version);
  report.set_num_examples(row.num_examples);
  return report;
}

v1::DeviceFault ToReport(const FaultRow& row) {
  v1::DeviceFault report;
  report.set_device(row.device_id);
  report.set_round_id(row.round_id);
  SHOAL_SET_TIME(report, at, row.at);
  report.set_what(row.what);
  return report;
}

absl::StatusOr<v1::TaskReport> ToReport(const TaskRow& row) {
  SHOAL_ASSIGN_OR_RETURN(const configuration::Task task, Definition(row));
  v1::TaskReport report;
  *report.mutable_task() = configuration::TaskToProto(task);
  report.set_state(ToProto(row.state));
  report.set_rounds_committed(row.rounds_committed);
  report.set_rounds_failed(row.rounds_failed);
  report.set_current_model(BytesOf(row.current_model));
  SHOAL_SET_TIME(report, created, row.created);
  report.set_note(row.note);
  report.set_rounds_failed_in_a_row(row.rounds_failed_in_a_row);
  return report;
}

v1::PrivacyReport ToReport(const TaskRow& row, const PrivacyReport& report) {
  v1::PrivacyReport out;
  const aggregation::TaskPrivacy& plan = report.plan;
  out.set_task(row.name);
  out.set_population(row.population);
  out.set_budget_epsilon(plan.options.epsilon);
  out.set_delta(plan.query.delta);
  out.set_adjacency(
      std::string(privacy::AdjacencyName(plan.query.neighbours.adjacency)));
  out.set_accountant(
      std::string(privacy::AccountantName(plan.query.accountant)));
  out.set_noise(configuration::NoiseName(plan.options.noise));
  out.set_noise_multiplier(plan.noise.noise_multiplier);
  out.set_spent_epsilon(report.spent.upper);
  out.set_spent_epsilon_lower(report.spent.lower);
  for (const PrivacySpending& one : report.spending) {
    v1::PrivacySpending& spending = *out.add_spending();
    spending.set_task(one.task);
    spending.set_event(one.event);
    spending.set_charges(static_cast<uint64_t>(one.num_charges));
  }
  out.set_rounds(static_cast<uint64_t>(row.rounds));
  out.set_rounds_committed(static_cast<uint64_t>(report.rounds_committed));
  out.set_projected_rounds(static_cast<uint64_t>(report.projected_rounds));
  out.set_projected_epsilon(report.projected.upper);
  out.set_guarantee(report.guarantee);
  return out;
}

v1::RoundReport ToReport(const RoundRow& row,
                         absl::Span<const AssignmentRow> assignments,
                         const std::string& explanation) {
  v1::RoundReport report;
  report.set_id(row.id);
  report.set_task(row.task);
  report.set_number(row.number);
  report.set_state(ToProto(row.state));
  report.set_failure(row.failure);
  report.set_cohort(row.cohort);
  report.set_min_reports(row.min_reports);
  report.set_max_assigned(row.max_assigned);
  report.set_assigned(row.assigned);
  report.set_accepted(row.accepted);
  AddOutcomes(assignments, report);
  SHOAL_SET_TIME(report, opened, row.opened);
  SHOAL_SET_TIME(report, deadline, row.deadline);
  SHOAL_SET_TIME(report, finished, row.finished);
  report.set_base_model(BytesOf(row.base_model));
  report.set_committed_model(BytesOf(row.committed_model));
  if (row.train_loss.has_value()) report.set_train_loss(*row.train_loss);
  if (row.train_accuracy.has_value()) {
    report.set_train_accuracy(*row.train_accuracy);
  }
  report.set_total_examples(row.total_examples);
  report.set_bytes_up(row.bytes_up);
  report.set_asynchronous(row.asynchronous);
  report.set_explanation(explanation);
  return report;
}

absl::StatusOr<v1::DeviceReport> ReportReader::Device(
    const DeviceRow& row) const {
  SHOAL_ASSIGN_OR_RETURN(
      const std::vector<FaultRow> faults,
      store_.ListFaults(row.id, /*round_id=*/0, kMostFaults));
  v1::DeviceReport report = ToReport(row);
  for (const FaultRow& fault : faults) {
    *report.add_faults() = ToReport(fault);
  }
  return report;
}

absl::StatusOr<v1::RoundReport> ReportReader::Round(const RoundRow& row) const {
  SHOAL_ASSIGN_OR_RETURN(const TaskRow task_row, store_.GetTask(row.task));
  SHOAL_ASSIGN_OR_RETURN(const Told told, Tell(row, task_row));
  return Report(told);
}

absl::StatusOr<ReportReader::Told> ReportReader::Tell(
    const RoundRow& row, const TaskRow& task_row) const {
  Told told;
  told.task_row = task_row;
  SHOAL_ASSIGN_OR_RETURN(told.task, Definition(task_row));
  // Anew: the row may be older than the assignments that could be read now.
  SHOAL_ASSIGN_OR_RETURN(RoundSnapshot snapshot, store_.ReadRound(row.id));
  told.round = std::move(snapshot.round);
  told.assignments = std::move(snapshot.assignments);
  told.staleness = std::move(snapshot.staleness);
  told.groups = std::move(snapshot.groups);
  if (told.task.secure_aggregation.has_value() && naming_ == kNamesDevices) {
    SHOAL_ASSIGN_OR_RETURN(
        told.faults, store_.ListFaults(/*device_id=*/"", row.id, kMostFaults));
  }
  told.notices = notices_of_(row.task, row.id);
  return told;
}

v1::RoundReport ReportReader::Report(const Told& told) const {
  v1::RoundReport report = ToReport(told.round, told.assignments,
                                    ExplainRound(told.story(), clock_.Now()));
  for (const auto& [behind, updates] : told.staleness) {
    v1::StalenessCount& count = *report.add_staleness();
    count.set_versions_behind(behind);
    count.set_updates(updates);
  }
  AddGroups(told.groups, report);
  for (const FaultRow& fault : told.faults) {
    *report.add_faults() = ToReport(fault);
  }
  // The numbers of the wire are those of learning/model_spec.h.
  report.set_loss(
      static_cast<v1::Loss>(learning::ExpandModel(told.task.model).loss));
  return report;
}

absl::StatusOr<std::vector<v1::RoundReport>> ReportReader::Rounds(
    const std::string& task, absl::Span<const RoundRow> rows) const {
  SHOAL_ASSIGN_OR_RETURN(const TaskRow task_row, store_.GetTask(task));
  std::vector<v1::RoundReport> reports;
  for (const RoundRow& row : rows) {
    SHOAL_ASSIGN_OR_RETURN(const Told told, Tell(row, task_row));
    reports.push_back(Report(told));
  }
  return reports;
}

absl::StatusOr<v1::TaskReport> ReportReader::Task(const TaskRow& row) const {
  SHOAL_ASSIGN_OR_RETURN(v1::TaskReport report, ToReport(row));
  // The newest one, and the one before it if that is not over.
  SHOAL_ASSIGN_OR_RETURN(const std::vector<RoundRow> newest,
                         store_.ListRounds(row.name, 2, 0));
  if (!newest.empty()) {
    SHOAL_ASSIGN_OR_RETURN(const Told told, Tell(newest.front(), row));
    *report.mutable_newest_round() = Report(told);
  }
  if (IsFinal(row.state)) return report;
  SHOAL_ASSIGN_OR_RETURN(*report.mutable_trouble(), Trouble(row, newest));
  return report;
}

absl::StatusOr<std::string> ReportReader::Trouble(
    const TaskRow& row, absl::Span<const RoundRow> newest) const {
  std::vector<std::string> parts;
  // That of the round number 0, which is none, has the task's alone.
  std::string held_up = ExplainHoldUp(notices_of_(row.name, 0));
  if (!held_up.empty()) parts.push_back(std::move(held_up));
  for (const RoundRow& round : newest) {
    const bool failed =
        round.state == RoundState::kFailed && row.rounds_failed_in_a_row > 0;
    if (!failed && round.state != RoundState::kOpen) continue;
    SHOAL_ASSIGN_OR_RETURN(const Told told, Tell(round, row));
    std::string part = failed ? ExplainFailures(told.story(), clock_.Now())
                              : ExplainEmptiness(told.story());
    if (!part.empty()) parts.push_back(std::move(part));
    if (failed) break;
  }
  return absl::StrJoin(parts, " ");
}

std::optional<TaskState> FromProto(v1::TaskState state) {
  switch (state) {
    case v1::TASK_STATE_ACTIVE:
      return TaskState::kActive;
    case v1::TASK_STATE_PAUSED:
      return TaskState::kPaused;
    case v1::TASK_STATE_STOPPED:
      return TaskState::kStopped;
    default:
      return std::nullopt;
  }
}

}  // namespace shoal::coordinator
