// What both sides know of a session before it begins: the part of a task and a
// round that secure aggregation depends on.
#ifndef SHOAL_PRIVACY_SECURE_AGGREGATION_SESSION_PLAN_H_
#define SHOAL_PRIVACY_SECURE_AGGREGATION_SESSION_PLAN_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "privacy/secure_aggregation/parameters.h"
#include "privacy/secure_aggregation/ring_vector.h"

namespace shoal::secure_aggregation {

// A vector that is summed. Its place among those of the session matters, its
// name is for people.
struct VectorSpec {
  std::string name;
  int64_t length = 0;
  int ring_bits = 0;  // sums are modulo 2^ring_bits
};

inline constexpr int kMaxRoundNameBytes = 256;

// A device takes it from the plan it trained by, never from the group's
// messages: what a coordinator could change there would not bind it.
struct SessionPlan {
  std::string round;  // names the round among all of the deployment
  CoordinatorTrust coordinator = CoordinatorTrust::kHonest;
  double adversary_fraction = 0;
  double dropout_fraction = 0;
  int min_group = kMinGroupSize;
  int max_group = kMaxGroupSize;
  // No sum of fewer is revealed: what privacy noise was planned for.
  int min_survivors = kMinGroupSize;
  std::vector<VectorSpec> vectors;

  // Devices sign keys, shares and contributors.
  bool is_signed() const { return coordinator != CoordinatorTrust::kHonest; }
};

// INVALID_ARGUMENT for what is out of range or contradicts itself.
absl::Status CheckPlan(const SessionPlan& plan);

// What the fractions and the plan's own number leave of a group of so many, in
// O(1): GroupParameters' min_survivors, whose threshold is never above it. What
// noise of devices is sized for.
int LeastSurvivors(const SessionPlan& plan, int num_members);

// Of a group of so many under this plan, with min_survivors the largest of the
// threshold, what the fractions leave, and the plan's own. INVALID_ARGUMENT
// when the size is not the plan's, or the group too small for its survivors.
absl::StatusOr<GraphParameters> GroupParameters(const SessionPlan& plan,
                                                int num_members);

}  // namespace shoal::secure_aggregation

#endif  // SHOAL_PRIVACY_SECURE_AGGREGATION_SESSION_PLAN_H_
