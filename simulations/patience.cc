#include "simulations/patience.h"

#include "absl/strings/str_cat.h"
#include "protocol/round_failure.h"

namespace shoal::simulations {
namespace {

constexpr int64_t kMostFailures = 1000;
constexpr int64_t kMostFailuresWithEnough = 100;

}  // namespace

absl::Status Patience::Check(const coordinator::TaskRow& task) {
  if (task.rounds_failed_in_a_row < kMostFailures) return absl::OkStatus();
  return absl::DeadlineExceededError(absl::StrCat(
      "task ", task.name, " has ", task.rounds_committed, " of ", task.rounds,
      " rounds, and ", task.rounds_failed_in_a_row, " failed in a row"));
}

absl::Status Patience::OnRoundOver(const coordinator::RoundRow& round) {
  if (round.state == coordinator::RoundState::kCommitted) {
    failures_with_enough_ = 0;
  } else if (round.assigned >= round.min_reports) {
    ++failures_with_enough_;
  }
  if (failures_with_enough_ < kMostFailuresWithEnough) return absl::OkStatus();
  if (round.failure == protocol::ToString(protocol::RoundFailure::kOverdrawn)) {
    return absl::DeadlineExceededError(absl::StrCat(
        "task ", round.task, " does not get beyond round ", round.number,
        ": it has failed ", failures_with_enough_,
        " times, the last time with all of its ", round.max_assigned,
        " places taken (overdrawn): expected round.cohort to be the sampling "
        "rate times the number of devices"));
  }
  return absl::DeadlineExceededError(absl::StrCat(
      "task ", round.task, " does not get beyond round ", round.number,
      ": it has failed ", failures_with_enough_,
      " times although enough devices took part; the last time (",
      round.failure, ") with ", round.accepted, " reports of ", round.assigned,
      " devices, expected at least ", round.min_reports));
}

}  // namespace shoal::simulations
