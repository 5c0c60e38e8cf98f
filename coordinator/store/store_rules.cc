#include "coordinator/store/store_rules.h"

#include <cmath>
#include <set>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/human_duration.h"
#include "base/status_macros.h"
#include "protocol/round_failure.h"

namespace shoal::coordinator {
namespace {

absl::Status WrongState(const RoundRow& round, absl::string_view what,
                        RoundState needed) {
  return absl::FailedPreconditionError(
      absl::StrCat("round ", round.id, " of task '", round.task, "' is ",
                   ToString(round.state), " and cannot be ", what,
                   ": it would have to be ", ToString(needed)));
}

// Losses of devices may be undefined; the rows know "absent" for that.
std::optional<double> Defined(std::optional<double> x) {
  return x.has_value() && !std::isnan(*x) ? x : std::nullopt;
}

}  // namespace

absl::Status TaskNotFound(absl::string_view name) {
  return absl::NotFoundError(absl::StrCat("there is no task '", name, "'"));
}

absl::Status RoundNotFound(int64_t id) {
  return absl::NotFoundError(absl::StrCat("there is no round ", id));
}

absl::Status ModelNotFound(const Digest& digest) {
  return absl::NotFoundError(
      absl::StrCat("there is no model ", digest.ToHex()));
}

absl::Status AssignmentNotFound(int64_t round_id, absl::string_view device_id) {
  return absl::NotFoundError(absl::StrCat(
      "device ", device_id, " has no assignment in round ", round_id));
}

absl::Status DeviceNotFound(absl::string_view text) {
  return absl::NotFoundError(absl::StrCat("there is no device '", text, "'"));
}

absl::StatusOr<DeviceRow> PickDevice(absl::string_view text,
                                     std::vector<DeviceRow> matches) {
  if (text.empty()) {
    return absl::InvalidArgumentError(
        "a device is named by its id, a prefix of it, or its name, not by ''");
  }
  for (DeviceRow& device : matches) {
    if (device.id == text) return std::move(device);
  }
  if (matches.empty()) return DeviceNotFound(text);
  if (matches.size() > 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", text, "' may mean device ", matches[0].id, " or ",
                     matches[1].id, ": give more digits of the id"));
  }
  return std::move(matches.front());
}

absl::Status InvitationNotFound() {
  return absl::NotFoundError(
      "the invitation is unknown, used up or has expired");
}

absl::Status DeviceForgotten() {
  return absl::FailedPreconditionError("the device has been forgotten");
}

absl::Status TaskExists(absl::string_view name) {
  return absl::AlreadyExistsError(
      absl::StrCat("there is a task '", name, "' already"));
}

absl::Status AssignmentExists(int64_t round_id, absl::string_view device_id) {
  return absl::AlreadyExistsError(absl::StrCat(
      "device ", device_id, " has an assignment in round ", round_id));
}

absl::Status InvitationExists() {
  return absl::AlreadyExistsError("there is such an invitation already");
}

absl::Status TokenKeyExists(int64_t id) {
  return absl::AlreadyExistsError(
      absl::StrCat("there is a token key ", id, " already"));
}

absl::Status CheckNewTask(const TaskRow& task, const ModelRow& model) {
  if (task.name.empty()) {
    return absl::InvalidArgumentError("a task needs a name");
  }
  if (model.task != task.name || model.version != 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "task '", task.name, "' starts from its own model version 0, not from ",
        "version ", model.version, " of task '", model.task, "'"));
  }
  if (model.digest != task.current_model) {
    return absl::InvalidArgumentError(absl::StrCat(
        "task '", task.name, "' starts from model ", task.current_model.ToHex(),
        ", but its initial model is ", model.digest.ToHex()));
  }
  return absl::OkStatus();
}

absl::Status CheckNewCharge(const TaskRow& task, const NewCharge& charge) {
  if (task.privacy_budget.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("task '", task.name,
                     "' trains without privacy: nothing is to be charged"));
  }
  if (charge.event.empty()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "a charge of task '", task.name, "' has to say what it is for"));
  }
  return absl::OkStatus();
}

absl::Status CheckModelBytes(const ModelRow& model, absl::string_view bytes) {
  if (model.num_bytes == static_cast<int64_t>(bytes.size())) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("model ", model.digest.ToHex(), " is said to have ",
                   model.num_bytes, " bytes, but has ", bytes.size()));
}

absl::Status CheckNewSegment(const NewSegment& segment,
                             absl::Span<const ContributionRow> contributions) {
  if (contributions.empty()) {
    return absl::InvalidArgumentError("a segment needs a contribution");
  }
  std::set<absl::string_view> devices;
  for (const ContributionRow& row : contributions) {
    if (!devices.insert(row.device_id).second) {
      return absl::InvalidArgumentError(absl::StrCat(
          "device ", row.device_id, " is twice in the same segment"));
    }
    if (std::isnan(row.norm)) {
      return absl::InvalidArgumentError(
          absl::StrCat("the norm of the update of device ", row.device_id,
                       " is not a number"));
    }
    if (segment.group.has_value() && row.earlier_round != 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("the update of device ", row.device_id, " is of round ",
                       row.earlier_round, ", that of its group of round ",
                       segment.round_id));
    }
  }
  if (segment.group.has_value() &&
      segment.group->round_id != segment.round_id) {
    return absl::InvalidArgumentError(
        absl::StrCat("the segment is of round ", segment.round_id,
                     ", its group of round ", segment.group->round_id));
  }
  return absl::OkStatus();
}

absl::Status CheckEarlierRounds(
    const RoundRow& round, absl::Span<const ContributionRow> contributions) {
  for (const ContributionRow& row : contributions) {
    if (row.earlier_round == 0) continue;
    if (round.asynchronous && row.earlier_round < round.id) continue;
    return absl::InvalidArgumentError(
        absl::StrCat("round ", round.id, " of task '", round.task,
                     "' cannot count what ", "device ", row.device_id,
                     " was assigned in round ", row.earlier_round));
  }
  return absl::OkStatus();
}

absl::Status CheckRoundResult(const RoundRow& round, const TaskRow& task,
                              const RoundResult& result) {
  if (result.model.task != round.task || result.model.version != round.number) {
    return absl::InvalidArgumentError(absl::StrCat(
        "round ", round.id, " makes version ", round.number, " of task '",
        round.task, "', not version ", result.model.version, " of task '",
        result.model.task, "'"));
  }
  if (std::isnan(result.median_norm)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the median norm of round ", round.id, " is not a number"));
  }
  if (task.privacy_budget.empty() && !result.mechanism_state.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("round ", round.id, " has added noise, but task '",
                     task.name, "' trains without privacy"));
  }
  return absl::OkStatus();
}

absl::Status CheckNewInvitation(const InvitationRow& row) {
  if (row.uses_left.has_value() && *row.uses_left < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "an invitation is for at least one use, not for ", *row.uses_left));
  }
  return absl::OkStatus();
}

absl::Status CheckModelRange(const Digest& digest, int64_t num_bytes,
                             int64_t offset, int64_t size) {
  if (offset < 0 || size < 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot read ", size, " bytes of a model at offset ",
                     offset, ": both must be at least 0"));
  }
  if (offset > num_bytes) {
    return absl::OutOfRangeError(absl::StrCat("model ", digest.ToHex(), " has ",
                                              num_bytes, " bytes, offset ",
                                              offset, " lies beyond its end"));
  }
  return absl::OkStatus();
}

absl::StatusOr<HeldLease> NextLease(absl::string_view task,
                                    const std::optional<HeldLease>& held,
                                    absl::string_view holder, absl::Time now,
                                    absl::Duration duration) {
  const bool same = held.has_value() && held->holder == holder;
  if (held.has_value() && !same && held->expires > now) {
    return absl::FailedPreconditionError(
        absl::StrCat("task '", task, "' is led by '", held->holder,
                     "' for another ", HumanDuration(held->expires - now)));
  }
  const int64_t epoch = held.has_value() ? held->epoch : 0;
  return HeldLease{std::string(holder), same ? epoch : epoch + 1,
                   now + duration};
}

absl::Status CheckLease(const Lease& lease, absl::string_view task,
                        const std::optional<HeldLease>& held) {
  if (lease.task != task) {
    return absl::InvalidArgumentError(
        absl::StrCat("a lease of task '", lease.task,
                     "' gives no right to change task '", task, "'"));
  }
  if (held.has_value() && held->holder == lease.holder &&
      held->epoch == lease.epoch) {
    return absl::OkStatus();
  }
  return absl::AbortedError(absl::StrCat(
      "'", lease.holder, "' with epoch ", lease.epoch, " does not lead task '",
      task, "'",
      held.has_value() ? absl::StrCat(": '", held->holder, "' with epoch ",
                                      held->epoch, " does")
                       : ""));
}

absl::Status CheckPrivacyBudget(const TaskRow& task, absl::string_view budget,
                                absl::Span<const TaskRow> others) {
  if (task.privacy_budget == budget) return absl::OkStatus();
  if (!budget.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(
        "population '", task.population, "' has the privacy budget '", budget,
        "', for good; task '", task.name, "' ",
        task.privacy_budget.empty()
            ? "trains without privacy"
            : absl::StrCat("states '", task.privacy_budget, "'")));
  }
  for (const TaskRow& other : others) {
    if (other.population != task.population ||
        (IsFinal(other.state) && other.rounds_committed == 0)) {
      continue;
    }
    return absl::FailedPreconditionError(
        absl::StrCat("population '", task.population,
                     "' cannot get a privacy budget: task '", other.name,
                     "' trains it without privacy, is ", ToString(other.state),
                     " and has committed ", other.rounds_committed, " rounds"));
  }
  return absl::OkStatus();
}

absl::Status CheckTaskState(const TaskRow& task,
                            const std::optional<RoundRow>& unfinished,
                            TaskState state) {
  if (state == TaskState::kCompleted) {
    return absl::InvalidArgumentError(absl::StrCat(
        "task '", task.name, "' completes with its last round, not by hand"));
  }
  if (IsFinal(task.state)) {
    return absl::FailedPreconditionError(absl::StrCat(
        "task '", task.name, "' is ", ToString(task.state), ": that is final"));
  }
  if (state == TaskState::kStopped && unfinished.has_value() &&
      unfinished->state >= RoundState::kSealed) {
    return absl::FailedPreconditionError(absl::StrCat(
        "round ", unfinished->id, " of task '", task.name, "' is ",
        ToString(unfinished->state), " and is about to end: try again"));
  }
  return absl::OkStatus();
}

absl::Status CheckOpenRound(const TaskRow& task,
                            const std::optional<RoundRow>& unfinished,
                            const NewRound& round) {
  if (std::isnan(round.norm_bound)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the norm bound of a round of task '", task.name, "' is not a number"));
  }
  if (task.state != TaskState::kActive) {
    return absl::FailedPreconditionError(
        absl::StrCat("task '", task.name, "' is ", ToString(task.state),
                     ": only an active task opens rounds"));
  }
  if (unfinished.has_value()) {
    return absl::FailedPreconditionError(
        absl::StrCat("round ", unfinished->id, " of task '", task.name,
                     "' is still ", ToString(unfinished->state)));
  }
  if (round.number != task.rounds_committed + 1) {
    return absl::FailedPreconditionError(
        absl::StrCat("task '", task.name, "' has committed ",
                     task.rounds_committed, " rounds: its next makes version ",
                     task.rounds_committed + 1, ", not ", round.number));
  }
  if (task.privacy_budget.empty() && !round.mechanism_state.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("a round draws its devices for privacy, but task '",
                     task.name, "' trains without"));
  }
  return absl::OkStatus();
}

absl::Status CheckAssignable(const RoundRow& round) {
  if (round.state != RoundState::kOpen &&
      round.state != RoundState::kCollecting) {
    return WrongState(round, "joined", RoundState::kCollecting);
  }
  return absl::OkStatus();
}

absl::Status CheckNotFull(const RoundRow& round) {
  // How many devices of asynchronous rounds work at a time is the engine's to
  // know: nothing in the sum depends on it.
  if (round.asynchronous) return absl::OkStatus();
  if (round.assigned >= round.max_assigned) {
    return absl::FailedPreconditionError(
        absl::StrCat("round ", round.id, " of task '", round.task,
                     "' has all its ", round.max_assigned, " devices"));
  }
  return absl::OkStatus();
}

bool MayAssignAgain(const RoundRow& round, const AssignmentRow& held,
                    absl::Time now, absl::Time deadline) {
  return round.asynchronous && !absl::StartsWith(held.outcome, kContributed) &&
         held.assigned + (deadline - now) <= now;
}

absl::Status CheckGroupRows(const RoundRow& round,
                            const std::optional<HeldLease>& held,
                            const NewGroupRows& rows, int64_t known) {
  if (rows.session.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("rows of round ", round.id, " without a group"));
  }
  SHOAL_RETURN_IF_ERROR(CheckLease(rows.lease, round.task, held));
  SHOAL_RETURN_IF_ERROR(CheckUnfinished(round));
  if (rows.first == known) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(
      "group ", rows.session.ToShortHex(), " of round ", round.id, " has ",
      known, " rows, expected ", rows.first, ": somebody else has added some"));
}

absl::Status CheckBurnable(const RoundRow& round) {
  if (round.state == RoundState::kCollecting) return absl::OkStatus();
  return WrongState(round, "without a group", RoundState::kCollecting);
}

absl::Status CheckSealable(const RoundRow& round, int min_reports) {
  if (round.state != RoundState::kCollecting) {
    return WrongState(round, "sealed", RoundState::kCollecting);
  }
  if (round.accepted < min_reports) {
    return absl::FailedPreconditionError(absl::StrCat(
        "round ", round.id, " of task '", round.task, "' has ", round.accepted,
        " contributions, ", min_reports, " are needed to seal it"));
  }
  return absl::OkStatus();
}

absl::Status CheckCharge(absl::string_view population, const NewCharge& charge,
                         int64_t known) {
  if (charge.known == known) return absl::OkStatus();
  return absl::AbortedError(absl::StrCat(
      "the ledger of population '", population, "' has ", known,
      " charges, expected ", charge.known, ": somebody else has made some"));
}

absl::Status CheckRevealable(const RoundRow& round) {
  return round.state == RoundState::kSealed
             ? absl::OkStatus()
             : WrongState(round, "revealed", RoundState::kSealed);
}

absl::Status CheckCommittable(const RoundRow& round) {
  return round.state == RoundState::kSealed ||
                 round.state == RoundState::kRevealed
             ? absl::OkStatus()
             : WrongState(round, "committed", RoundState::kSealed);
}

absl::Status CheckUnfinished(const RoundRow& round) {
  if (!IsFinal(round.state)) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat("round ", round.id, " of task '", round.task, "' is ",
                   ToString(round.state), ": that is final"));
}

bool KeepsSegments(const TaskRow& task, absl::string_view failure) {
  return task.privacy_budget.empty() &&
         failure == ToString(protocol::RoundFailure::kCorruptRows);
}

bool HasRoomFor(const RoundRow& round, size_t size) {
  return round.accepted + static_cast<int64_t>(size) <= round.max_accepted();
}

RoundRow MakeRound(const NewRound& round) {
  RoundRow row;
  row.task = round.task;
  row.number = round.number;
  row.base_model = round.base_model;
  row.cohort = round.cohort;
  row.min_reports = round.min_reports;
  row.max_assigned = round.max_assigned;
  row.norm_bound = round.norm_bound;
  row.opened = round.opened;
  row.asynchronous = round.asynchronous;
  if (round.deadline != absl::InfinitePast()) {
    row.state = RoundState::kCollecting;
    row.deadline = round.deadline;
  }
  return row;
}

void MarkAssigned(RoundRow& round, absl::Time deadline) {
  if (round.state == RoundState::kOpen) {
    round.state = RoundState::kCollecting;
    round.deadline = deadline;
  }
  ++round.assigned;
}

void MarkFailed(RoundRow& round, TaskRow& task, absl::string_view failure,
                absl::Time now) {
  round.state = RoundState::kFailed;
  round.failure = std::string(failure);
  round.finished = now;
  ++task.rounds_failed;
  ++task.rounds_failed_in_a_row;
  task.updated = now;
}

void MarkStopped(RoundRow& round, TaskRow& task, absl::Time now) {
  MarkFailed(round, task, ToString(protocol::RoundFailure::kStopped), now);
}

void MarkBurnt(RoundRow& round, int contributions, int64_t bytes_up) {
  round.accepted -= contributions;
  round.bytes_up -= bytes_up;
}

void MarkCommitted(RoundRow& round, TaskRow& task, const RoundResult& result,
                   absl::Time now) {
  round.state = RoundState::kCommitted;
  round.finished = now;
  round.committed_model = result.model.digest;
  round.total_examples = result.total_examples;
  round.train_loss = Defined(result.train_loss);
  round.train_accuracy = Defined(result.train_accuracy);
  round.median_norm = result.median_norm;
  ++task.rounds_committed;
  task.rounds_failed_in_a_row = 0;
  task.current_model = result.model.digest;
  task.updated = now;
  if (task.rounds_committed >= task.rounds) {
    task.state = TaskState::kCompleted;
    task.note.clear();
  }
}

void Apply(const DeviceSighting& sighting, DeviceRow& device) {
  device.id = sighting.id;
  device.name = sighting.name;
  device.population = sighting.population;
  device.last_seen = sighting.seen;
  device.sdk_version = sighting.sdk_version;
  device.num_examples = sighting.num_examples;
}

}  // namespace shoal::coordinator
