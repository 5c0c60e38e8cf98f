// How many groups of secure aggregation a simulation has formed, and how many
// could not finish.
#ifndef SHOAL_SIMULATIONS_COUNTED_GROUPS_H_
#define SHOAL_SIMULATIONS_COUNTED_GROUPS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "privacy/secure_aggregation/group.h"

namespace shoal::simulations {

struct GroupCounts {
  int64_t formed = 0;
  int64_t burnt = 0;           // of these: their devices began afresh
  std::string why_burnt = {};  // the last of them
  int smallest_sum = 0;  // fewest devices that a revealed sum is of; 0: none

  friend bool operator==(const GroupCounts&, const GroupCounts&) = default;
};

// Those of another maker, counted. What is restored was counted before.
// Thread-compatible.
class CountedGroups final : public secure_aggregation::GroupMaker {
 public:
  // `groups` must outlive it. It must outlive its groups.
  explicit CountedGroups(secure_aggregation::GroupMaker& groups)
      : groups_(groups) {}

  absl::StatusOr<Keys> ReadKeys(absl::string_view advertise) const override {
    return groups_.ReadKeys(advertise);
  }
  absl::Status Check(
      const secure_aggregation::SessionPlan& plan,
      const secure_aggregation::Joining& joining,
      const secure_aggregation::MemberVerifier* verifier) const override {
    return groups_.Check(plan, joining, verifier);
  }
  absl::StatusOr<std::unique_ptr<secure_aggregation::Group>> Create(
      const secure_aggregation::SessionPlan& plan,
      const std::vector<secure_aggregation::Joining>& members,
      const secure_aggregation::MemberVerifier* verifier,
      SecureRng& rng) const override;
  absl::StatusOr<std::unique_ptr<secure_aggregation::Group>> Restore(
      const secure_aggregation::SessionPlan& plan,
      absl::Span<const std::string> rows,
      const secure_aggregation::MemberVerifier* verifier) const override;

  const GroupCounts& counts() const { return counts_; }

 private:
  secure_aggregation::GroupMaker& groups_;
  mutable GroupCounts counts_;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_COUNTED_GROUPS_H_
