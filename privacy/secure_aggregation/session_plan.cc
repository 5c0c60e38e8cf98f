#include "privacy/secure_aggregation/session_plan.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "privacy/secure_aggregation/complete_graph.h"

namespace shoal::secure_aggregation {

absl::Status CheckPlan(const SessionPlan& plan) {
  if (plan.round.empty() || plan.round.size() > kMaxRoundNameBytes) {
    return absl::InvalidArgumentError(
        absl::StrCat("a round's name of ", plan.round.size(),
                     " bytes, expected 1 to ", kMaxRoundNameBytes));
  }
  if (plan.min_group < kMinGroupSize || plan.max_group < plan.min_group ||
      plan.max_group > kMaxGroupSize) {
    return absl::InvalidArgumentError(absl::StrCat(
        "groups of ", plan.min_group, " to ", plan.max_group,
        " devices, expected within ", kMinGroupSize, " to ", kMaxGroupSize));
  }
  if (plan.min_survivors < kMinGroupSize ||
      plan.min_survivors > plan.max_group) {
    return absl::InvalidArgumentError(absl::StrCat(
        "at least ", plan.min_survivors, " survivors, expected ", kMinGroupSize,
        " to ", plan.max_group, ", the largest group"));
  }
  for (const VectorSpec& vector : plan.vectors) {
    if (vector.length < 0 || vector.length > kMaxVectorLength ||
        vector.ring_bits < 1 || vector.ring_bits > kMaxRingBits) {
      return absl::InvalidArgumentError(absl::StrCat(
          "vector '", vector.name, "' of ", vector.length, " elements of ",
          vector.ring_bits, " bits, expected at most ", kMaxVectorLength,
          " of 1 to ", kMaxRingBits));
    }
  }
  return absl::OkStatus();
}

int LeastSurvivors(const SessionPlan& plan, int num_members) {
  return std::max(
      num_members - FloorOfFraction(plan.dropout_fraction, num_members),
      plan.min_survivors);
}

absl::StatusOr<GraphParameters> GroupParameters(const SessionPlan& plan,
                                                int num_members) {
  if (num_members < plan.min_group || num_members > plan.max_group) {
    return absl::InvalidArgumentError(
        absl::StrCat("a group of ", num_members, " devices, expected ",
                     plan.min_group, " to ", plan.max_group));
  }
  SHOAL_ASSIGN_OR_RETURN(
      GraphParameters parameters,
      FindGraphParameters({.num_devices = num_members,
                           .adversary_fraction = plan.adversary_fraction,
                           .dropout_fraction = plan.dropout_fraction,
                           .coordinator = plan.coordinator}));
  parameters.min_survivors =
      std::max(LeastSurvivors(plan, num_members), parameters.threshold);
  if (parameters.min_survivors > num_members) {
    return absl::InvalidArgumentError(
        absl::StrCat("a group of ", num_members, " devices, of which ",
                     parameters.min_survivors, " have to survive"));
  }
  return parameters;
}

}  // namespace shoal::secure_aggregation
