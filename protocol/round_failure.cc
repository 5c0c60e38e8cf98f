#include "protocol/round_failure.h"

#include "base/check.h"

namespace shoal::protocol {
namespace {

constexpr RoundFailureInfo kFailures[] = {
    {RoundFailure::kMinReports, "min_reports",
     "At the deadline fewer devices had reported than round.min_reports asks "
     "for.",
     "Look at what became of the round's devices: lengthen "
     "round.deadline for slow devices, raise round.over_selection for silent "
     "ones, or lower round.min_reports."},
    {RoundFailure::kStopped, "stopped",
     "The task was stopped by an operator while the round was running.",
     "Create a new task to go on training."},
    {RoundFailure::kUnmasking, "unmasking",
     "Too many devices left a group of secure aggregation after the round was "
     "sealed, or one of them had lied: the sum cannot be unmasked.",
     "Raise secure_aggregation.dropout_fraction when devices leave; the log "
     "names those that lied."},
    {RoundFailure::kNonFinite, "non_finite",
     "The server optimiser would have produced a model with infinite or "
     "undefined values.",
     "Lower the learning rates of the server optimiser and of the training, "
     "or set update_limits.norm_bound."},
    {RoundFailure::kCorruptRows, "corrupt_rows",
     "What the store holds of the round is damaged or contradicts itself, so "
     "that no model can be made of it; its rows are kept.",
     "Stop the task, check the store's disk, and restore the store from a "
     "backup or create a new task from the last good model; the coordinator's "
     "log names the damaged rows."},
    {RoundFailure::kPrivacyBudget, "privacy_budget",
     "Another task of the population was charged while the round was running, "
     "and its own charge would be beyond their common budget: nothing of its "
     "sum was released.",
     "See `shoalctl privacy spent`: what is spent does not come back; train "
     "on with devices of another population."},
    {RoundFailure::kOverdrawn, "overdrawn",
     "More devices were drawn for the round than it has places, so that it is "
     "no random draw of all of them: nothing of its sum was released.",
     "Lower differential_privacy's sampling_rate, or raise round.cohort: the "
     "rate times the number of devices that come is to be the cohort."},
};

}  // namespace

absl::Span<const RoundFailureInfo> AllRoundFailures() { return kFailures; }

const RoundFailureInfo& InfoOf(RoundFailure failure) {
  const RoundFailureInfo& info = kFailures[static_cast<int>(failure)];
  SHOAL_CHECK(info.failure == failure);
  return info;
}

absl::string_view ToString(RoundFailure failure) {
  return InfoOf(failure).name;
}

std::optional<RoundFailure> RoundFailureFromName(absl::string_view name) {
  for (const RoundFailureInfo& info : kFailures) {
    if (info.name == name) return info.failure;
  }
  return std::nullopt;
}

}  // namespace shoal::protocol
