#include "simulations/leaving_members.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "base/random.h"
#include "base/status_macros.h"

namespace shoal::simulations {
namespace {

using secure_aggregation::Member;
using secure_aggregation::MemberOptions;
using secure_aggregation::RingVector;

class LeavingMember final : public Member {
 public:
  // `leaves`: before the answer to which of the coordinator's questions.
  LeavingMember(std::unique_ptr<Member> member, std::vector<bool> leaves,
                std::shared_ptr<std::atomic<bool>> has_left)
      : member_(std::move(member)),
        leaves_(std::move(leaves)),
        has_left_(std::move(has_left)) {}

  const std::string& advertise() const override { return member_->advertise(); }

  absl::StatusOr<std::string> OnMessage(absl::string_view bytes) override {
    // A question may come twice.
    if (num_questions_ == 0 || bytes != last_) {
      ++num_questions_;
      last_ = std::string(bytes);
    }
    const size_t question = num_questions_ - 1;
    if (question < leaves_.size() && leaves_[question]) *has_left_ = true;
    if (*has_left_) return absl::CancelledError("the device has left");
    return member_->OnMessage(bytes);
  }

  bool is_ready_to_mask() const override { return member_->is_ready_to_mask(); }
  int num_members() const override { return member_->num_members(); }
  absl::Status MaskInput(absl::Span<RingVector> vectors,
                         ThreadPool* pool) override {
    return member_->MaskInput(vectors, pool);
  }
  bool has_unmasked() const override { return member_->has_unmasked(); }

 private:
  const std::unique_ptr<Member> member_;
  const std::vector<bool> leaves_;
  size_t num_questions_ = 0;  // so far
  std::string last_;
  const std::shared_ptr<std::atomic<bool>> has_left_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Member>> LeavingMembers::Create(
    MemberOptions options, SecureRng& rng) const {
  SeededRng own(DeriveSeed(seed_, "leave", {num_groups_.fetch_add(1)}));
  const auto leaves = [&own](double chance) { return own.Uniform() < chance; };
  // All are drawn, so that one chance makes no difference to the others.
  const bool sharing = leaves(chances_.sharing);
  const bool masking = leaves(chances_.masking);
  const bool consistency = leaves(chances_.consistency);
  const bool unmasking = leaves(chances_.unmasking);
  std::vector<bool> steps = {sharing, masking};
  if (options.plan.is_signed()) steps.push_back(consistency);
  steps.push_back(unmasking);
  SHOAL_ASSIGN_OR_RETURN(auto member, members_.Create(std::move(options), rng));
  return std::make_unique<LeavingMember>(std::move(member), std::move(steps),
                                         has_left_);
}

}  // namespace shoal::simulations
