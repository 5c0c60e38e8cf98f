#include <memory>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "simulations/skipped_groups.h"
#include "simulations/skipped_messages.h"

namespace shoal::simulations {
namespace {

using secure_aggregation::Member;
using secure_aggregation::MemberMaker;
using secure_aggregation::MemberOptions;
using secure_aggregation::RingVector;

int64_t AdvertiseBytes(const MemberOptions& options) {
  const bool is_signed = options.plan.is_signed() && options.signer != nullptr;
  return real_bytes::Advertise(
      is_signed ? std::ssize(options.signer->certificate()) : 0,
      options.plan.is_signed());
}

class SkippedMember final : public Member {
 public:
  SkippedMember(const MemberOptions& options, SecureRng& rng)
      : is_signed_(options.plan.is_signed()),
        advertise_(SkippedAdvertise(rng.Bytes(kIdentityBytes),
                                    AdvertiseBytes(options))) {}

  const std::string& advertise() const override { return advertise_; }

  absl::StatusOr<std::string> OnMessage(absl::string_view bytes) override {
    SHOAL_ASSIGN_OR_RETURN(const SkippedMessage message, ParseSkipped(bytes));
    switch (message.kind) {
      case SkippedKind::kGroupKeys:
        num_members_ = message.num_members;
        return Answer(Phase::kAdvertised, Phase::kDealt, SkippedKind::kShares,
                      message);
      case SkippedKind::kHeldShares:
        return Answer(Phase::kDealt, Phase::kReady, SkippedKind::kMaskedInput,
                      message);
      case SkippedKind::kContributors:
        return Answer(Phase::kMasked, Phase::kSigned,
                      SkippedKind::kContributorsSigned, message);
      case SkippedKind::kUnmaskRequest:
        return Answer(is_signed_ ? Phase::kSigned : Phase::kMasked,
                      Phase::kDone, SkippedKind::kUnmaskAnswer, message);
      case SkippedKind::kAbort:
        return absl::AbortedError(message.reason);
      default:
        return absl::InvalidArgumentError("a message that members send");
    }
  }

  bool is_ready_to_mask() const override { return phase_ == Phase::kReady; }
  int num_members() const override { return num_members_; }

  absl::Status MaskInput(absl::Span<RingVector>, ThreadPool*) override {
    if (phase_ != Phase::kReady) {
      return absl::FailedPreconditionError(phase_ < Phase::kReady
                                               ? "there are no masks yet"
                                               : "masks hide one input only");
    }
    phase_ = Phase::kMasked;
    return absl::OkStatus();
  }

  bool has_unmasked() const override { return phase_ == Phase::kDone; }

 private:
  enum class Phase { kAdvertised, kDealt, kReady, kMasked, kSigned, kDone };

  // From one phase to the next; the same question again, the same answer.
  absl::StatusOr<std::string> Answer(Phase from, Phase to, SkippedKind answer,
                                     const SkippedMessage& question) {
    if (phase_ < from) {
      return absl::FailedPreconditionError(
          "the coordinator sent a message out of turn");
    }
    if (phase_ == from) phase_ = to;
    return SkippedBytes(answer, question.answer_bytes);
  }

  const bool is_signed_;
  const std::string advertise_;
  Phase phase_ = Phase::kAdvertised;
  int num_members_ = 0;  // once there is a group
};

class Maker final : public MemberMaker {
 public:
  absl::StatusOr<std::unique_ptr<Member>> Create(
      MemberOptions options, SecureRng& rng) const override {
    SHOAL_RETURN_IF_ERROR(secure_aggregation::CheckPlan(options.plan));
    return std::make_unique<SkippedMember>(options, rng);
  }
};

}  // namespace

MemberMaker& SkippedMembers() {
  static Maker maker;
  return maker;
}

}  // namespace shoal::simulations
