#include "coordinator/engine/engine_core.h"

#include <algorithm>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"

namespace shoal::coordinator {
namespace {

// Devices that are refused for a moment's trouble of ours come back within
// seconds.
constexpr absl::Duration kTroubleRetry = absl::Seconds(2);
// How long the members of a group take to unmask its sum, if nobody knows.
constexpr absl::Duration kUnmaskingTime = absl::Milliseconds(500);

}  // namespace

RunningTask* EngineCore::FindTask(const std::string& name) {
  const auto found = tasks.find(name);
  return found != tasks.end() ? found->second.get() : nullptr;
}

absl::Status EngineCore::Noted(absl::Status status) {
  MutexLock lock(mutex);
  if (status.ok() || IsTrouble(status)) last_error = status;
  return status;
}

absl::Status EngineCore::NotedIfTrouble(absl::Status status) {
  return status.ok() ? status : Noted(std::move(status));
}

FleetSize& EngineCore::FleetOf(const std::string& population) {
  const bool known = absl::c_any_of(tasks, [&](const auto& task) {
    return task.second->setup->task.population == population;
  });
  return fleets.try_emplace(known ? population : "", options.max_retry)
      .first->second;
}

PaceInput EngineCore::PaceInputOf(const RunningTask& task, absl::Time now) {
  const configuration::RoundPolicy& policy = task.setup->task.round;
  PaceInput input;
  input.round_duration = task.round_duration;
  input.fleet_size = FleetOf(task.setup->task.population).Estimate();
  input.admitted_per_round = configuration::DevicesPerRound(task.setup->task);
  if (task.round == nullptr) {
    input.until_open = std::max(task.next_open - now, absl::ZeroDuration());
  } else if (task.round->row().state == RoundState::kOpen) {
    // Somebody else has to come first.
    input.until_open =
        std::max(task.round_duration, now - task.round->row().opened);
  } else if (policy.drawn && task.round->takes_reports()) {
    // It lasts that long, however many have come.
    input.until_open =
        std::max(task.round->row().deadline - now, absl::ZeroDuration());
  } else if (!task.round->takes_reports() ||
             task.round->accepted() >= policy.cohort) {
    // The sums of groups take a while yet.
    input.until_open = task.setup->task.secure_aggregation.has_value()
                           ? std::max(task.round_duration / 4, kUnmaskingTime)
                           : absl::ZeroDuration();
  } else {
    const absl::Time deadline = task.round->row().deadline;
    input.until_open = TimeLeft(now - (deadline - policy.deadline),
                                task.round_duration, deadline - now);
  }
  return input;
}

absl::Duration EngineCore::PaceOf(const RunningTask& task,
                                  int64_t rounds_to_sit_out, absl::Time now) {
  PaceInput input = PaceInputOf(task, now);
  input.rounds_to_sit_out = rounds_to_sit_out;
  return RetryDelay(input, pace_bounds(), deps.rng.Uniform());
}

absl::Duration EngineCore::PaceUntilPlace(const RunningTask& task,
                                          absl::Time now) {
  PaceInput input = PaceInputOf(task, now);
  const configuration::RoundPolicy& policy = task.setup->task.round;
  if (policy.asynchronous.has_value()) input.until_open /= policy.cohort;
  return RetryDelay(input, pace_bounds(), deps.rng.Uniform());
}

absl::Duration EngineCore::PaceAfterContribution(const RunningTask& task,
                                                 absl::Time now) {
  const int separation = task.setup->task.round.min_separation;
  return PaceOf(task, std::max(separation - 1, 0), now);
}

protocol::UploadReceipt EngineCore::ReceiptFor(const RunningTask& task,
                                               int64_t round_id,
                                               const Digest& digest,
                                               int64_t segment_id,
                                               absl::Time now) {
  protocol::UploadReceipt receipt;
  receipt.round_id = round_id;
  receipt.digest = digest;
  receipt.segment_id = segment_id;
  const bool earlier = task.round != nullptr &&
                       task.round->row().id != round_id &&
                       task.setup->task.round.min_separation <= 1;
  receipt.next_check_in =
      earlier ? PaceUntilPlace(task, now) : PaceAfterContribution(task, now);
  return receipt;
}

void EngineCore::DeliverAnswers() {
  std::vector<Answer> due;
  std::vector<GroupAnswer> group_due;
  {
    MutexLock lock(mutex);
    due.swap(answers);
    group_due.swap(group_answers);
  }
  for (Answer& answer : due) answer.done(std::move(answer.receipt));
  for (GroupAnswer& answer : group_due) answer.done(std::move(answer.answer));
}

void EngineCore::NoteLeft(RunningTask& task, int64_t round_id,
                          const std::string& device_id) {
  if (!task.setup->task.secure_aggregation.has_value()) return;
  task.letters.push_back({device_id, round_id, {}, nullptr});
}

void EngineCore::NoteFault(RunningTask& task, const FaultRow& fault) {
  task.letters.push_back(
      {fault.device_id, fault.round_id, {}, nullptr, fault.what});
}

void EngineCore::Tell(Upload& upload,
                      const absl::StatusOr<protocol::UploadReceipt>& receipt) {
  for (UploadDone& done : upload.waiters) {
    answers.push_back({std::move(done), receipt});
  }
  upload.waiters.clear();
}

bool IsTrouble(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
    case absl::StatusCode::kNotFound:
    case absl::StatusCode::kAlreadyExists:
    case absl::StatusCode::kFailedPrecondition:
    case absl::StatusCode::kAborted:
      return false;
    default:
      return true;
  }
}

absl::Status ShuttingDown() {
  return protocol::RefusalError(protocol::RefusalCode::kShuttingDown,
                                "the coordinator is shutting down",
                                kTroubleRetry);
}

absl::Status LedElsewhere() {
  return protocol::RefusalError(
      protocol::RefusalCode::kStoreUnavailable,
      "another replica of the coordinator leads the task at the moment",
      kTroubleRetry);
}

absl::Status StoreUnavailable(const absl::Status& cause) {
  return protocol::RefusalError(
      protocol::RefusalCode::kStoreUnavailable,
      absl::StrCat("the coordinator's store: ", cause.message()),
      kTroubleRetry);
}

}  // namespace shoal::coordinator
