#include "simulations/counted_groups.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/status_macros.h"

namespace shoal::simulations {
namespace {

using secure_aggregation::Group;
using secure_aggregation::GroupPhase;
using secure_aggregation::Joining;
using secure_aggregation::LostMember;
using secure_aggregation::MemberVerifier;
using secure_aggregation::RingVector;
using secure_aggregation::SessionPlan;

class CountedGroup final : public Group {
 public:
  CountedGroup(std::unique_ptr<Group> group, GroupCounts& counts)
      : group_(std::move(group)), counts_(counts) {}

  absl::Status Proceed(ThreadPool* pool) override {
    const bool was_over = group_->phase() >= GroupPhase::kRevealed;
    const absl::Status status = group_->Proceed(pool);
    if (was_over) return status;
    if (group_->phase() == GroupPhase::kBurnt) {
      ++counts_.burnt;
      counts_.why_burnt = group_->burn_reason();
    } else if (group_->phase() == GroupPhase::kRevealed) {
      const std::vector<bool>& all = group_->contributors();
      const int size =
          static_cast<int>(std::count(all.begin(), all.end(), true));
      counts_.smallest_sum = counts_.smallest_sum == 0
                                 ? size
                                 : std::min(counts_.smallest_sum, size);
    }
    return status;
  }

  // All else is the group's.
  std::vector<std::string> TakeRows() override { return group_->TakeRows(); }
  absl::Status OnMessage(int index, absl::string_view bytes) override {
    return group_->OnMessage(index, bytes);
  }
  bool IsMaskedInput(absl::string_view bytes) const override {
    return group_->IsMaskedInput(bytes);
  }
  void Exclude(int index, absl::string_view reason) override {
    group_->Exclude(index, reason);
  }
  void Leave(int index, absl::string_view reason) override {
    group_->Leave(index, reason);
  }
  std::optional<std::string> MessageFor(int index) const override {
    return group_->MessageFor(index);
  }
  GroupPhase phase() const override { return group_->phase(); }
  int num_pending() const override { return group_->num_pending(); }
  bool IsPending(int index) const override { return group_->IsPending(index); }
  bool CanProceed() const override { return group_->CanProceed(); }
  const std::vector<bool>& contributors() const override {
    return group_->contributors();
  }
  void Unmask(ThreadPool* pool, absl::Span<RingVector> sums) const override {
    group_->Unmask(pool, sums);
  }
  const std::string& burn_reason() const override {
    return group_->burn_reason();
  }
  const std::vector<LostMember>& lost() const override {
    return group_->lost();
  }
  int num_members() const override { return group_->num_members(); }
  const std::string& device_id(int index) const override {
    return group_->device_id(index);
  }
  std::string advertise(int index) const override {
    return group_->advertise(index);
  }
  const Digest& session() const override { return group_->session(); }

 private:
  const std::unique_ptr<Group> group_;
  GroupCounts& counts_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Group>> CountedGroups::Create(
    const SessionPlan& plan, const std::vector<Joining>& members,
    const MemberVerifier* verifier, SecureRng& rng) const {
  SHOAL_ASSIGN_OR_RETURN(auto group,
                         groups_.Create(plan, members, verifier, rng));
  ++counts_.formed;
  return std::make_unique<CountedGroup>(std::move(group), counts_);
}

absl::StatusOr<std::unique_ptr<Group>> CountedGroups::Restore(
    const SessionPlan& plan, absl::Span<const std::string> rows,
    const MemberVerifier* verifier) const {
  SHOAL_ASSIGN_OR_RETURN(auto group, groups_.Restore(plan, rows, verifier));
  return std::make_unique<CountedGroup>(std::move(group), counts_);
}

}  // namespace shoal::simulations
