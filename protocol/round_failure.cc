#include "protocol/round_failure.h"

#include "base/check.h"

namespace shoal::protocol {
namespace {

constexpr RoundFailureInfo kFailures[] = {
    {RoundFailure::kMinReports, "min_reports",
     "At the deadline fewer devices had reported than round.min_reports asks "
     "for.",
     "Look at the outcomes of `shoalctl round explain`: lengthen "
     "round.deadline for slow devices, raise round.over_selection for silent "
     "ones, or lower round.min_reports."},
    {RoundFailure::kStopped, "stopped",
     "The task was stopped by an operator while the round was running.",
     "Create a new task to go on training."},
    {RoundFailure::kNonFinite, "non_finite",
     "The server optimiser would have produced a model with infinite or "
     "undefined values.",
     "Lower the learning rates of the server optimiser and of the training, "
     "or set update_limits.norm_bound."},
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
