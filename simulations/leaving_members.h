// Members that leave their group of secure aggregation in the middle, as often
// as a scenario says.
#ifndef SHOAL_SIMULATIONS_LEAVING_MEMBERS_H_
#define SHOAL_SIMULATIONS_LEAVING_MEMBERS_H_

#include <atomic>
#include <cstdint>
#include <memory>

#include "privacy/secure_aggregation/group.h"

namespace shoal::simulations {

// The chance of a member that has come so far to leave instead of doing that
// step, [0, 1].
struct LeavingChances {
  double sharing = 0;      // before it deals its shares
  double masking = 0;      // before it sends its masked vectors
  double consistency = 0;  // before it signs the contributors, where it does
  double unmasking = 0;    // before it answers; its vectors are in the sum

  friend bool operator==(const LeavingChances&,
                         const LeavingChances&) = default;
};

// Of one session of one device. Its members are those of `members`; OnMessage
// answers a step before which they leave with CANCELLED, and so all that comes
// after it. Whether they do depends on the seed, on how many groups the session
// has joined, and on the step: not on what the members are. Thread-safe.
class LeavingMembers final : public secure_aggregation::MemberMaker {
 public:
  // `members` must outlive it.
  LeavingMembers(const secure_aggregation::MemberMaker& members,
                 const LeavingChances& chances, uint64_t seed)
      : members_(members), chances_(chances), seed_(seed) {}

  absl::StatusOr<std::unique_ptr<secure_aggregation::Member>> Create(
      secure_aggregation::MemberOptions options, SecureRng& rng) const override;

  // Whether one of its members has left.
  bool has_left() const { return *has_left_; }

 private:
  const secure_aggregation::MemberMaker& members_;
  const LeavingChances chances_;
  const uint64_t seed_;
  mutable std::atomic<uint64_t> num_groups_ = 0;
  // Shared with its members, which may outlive it.
  const std::shared_ptr<std::atomic<bool>> has_left_ =
      std::make_shared<std::atomic<bool>>(false);
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LEAVING_MEMBERS_H_
