#include "client/group_part.h"

#include <utility>
#include <vector>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "privacy/secure_aggregation/keystream.h"
#include "privacy/secure_aggregation/ring_vector.h"

namespace shoal::client {

absl::Status CheckAgreed(const protocol::Assignment& assignment,
                         const GroupSite& site) {
  const auto& settings = assignment.plan.secure_aggregation;
  const uint32_t expected =
      settings.has_value() ? protocol::kSecureAggregationVersion : 0;
  if (assignment.secure_aggregation_version != expected) {
    return absl::FailedPreconditionError(absl::StrCat(
        "the plan asks for ", settings.has_value() ? "" : "no ",
        "secure aggregation, in version ",
        assignment.secure_aggregation_version, ", expected ", expected));
  }
  const bool is_signed =
      settings.has_value() &&
      settings->coordinator != secure_aggregation::CoordinatorTrust::kHonest;
  if (!is_signed || (site.signer != nullptr && site.verifier != nullptr)) {
    return absl::OkStatus();
  }
  return absl::FailedPreconditionError(
      "the plan asks for secure aggregation with signed messages, and this "
      "device has nothing to sign with, or to check signatures against");
}

absl::StatusOr<std::unique_ptr<GroupPart>> GroupPart::Create(
    const GroupSite& site, const protocol::Assignment& assignment,
    learning::ParameterVector values, const learning::UpdateReport& report) {
  SHOAL_CHECK(site.rng != nullptr && site.maker != nullptr);
  SHOAL_ASSIGN_OR_RETURN(protocol::SecureUpdate update,
                         protocol::SecureUpdate::Create(
                             SecureRoundOf(assignment, std::ssize(values))));
  return absl::WrapUnique(
      new GroupPart(site, std::move(update), std::move(values), report));
}

GroupPart::GroupPart(const GroupSite& site, protocol::SecureUpdate update,
                     learning::ParameterVector values,
                     const learning::UpdateReport& report)
    : site_(site),
      update_(std::move(update)),
      values_(std::move(values)),
      report_(report),
      seed_(site.rng->Bytes(secure_aggregation::kSeedBytes)) {}

absl::StatusOr<std::string> GroupPart::Join() {
  SHOAL_CHECK(member_ == nullptr || !member_->has_unmasked());
  member_.reset();
  SHOAL_ASSIGN_OR_RETURN(member_,
                         site_.maker->Create({.plan = update_.session(),
                                              .device_id = site_.device_id,
                                              .signer = site_.signer,
                                              .verifier = site_.verifier},
                                             *site_.rng));
  return member_->advertise();
}

absl::StatusOr<GroupPart::Answer> GroupPart::OnMessage(
    const Digest& session, absl::string_view bytes) {
  Answer answer;
  SHOAL_ASSIGN_OR_RETURN(answer.message, member_->OnMessage(bytes));
  if (member_->is_ready_to_mask()) {
    SHOAL_ASSIGN_OR_RETURN(answer.masked, Mask(session, answer.message));
  }
  if (member_->has_unmasked()) values_ = {};
  return answer;
}

absl::StatusOr<EncodedUpdate> GroupPart::Mask(const Digest& session,
                                              absl::string_view message) {
  std::vector<secure_aggregation::RingVector> vectors;
  {
    learning::ParameterVector values = values_;
    SHOAL_ASSIGN_OR_RETURN(
        vectors, update_.Encode(
                     absl::MakeSpan(values), report_,
                     {seed_.Reveal(), member_->num_members(), times_masked_}));
  }
  ++times_masked_;
  SHOAL_RETURN_IF_ERROR(member_->MaskInput(absl::MakeSpan(vectors), nullptr));
  return std::make_shared<const std::string>(
      protocol::EncodeMaskedUpload(session, message, vectors));
}

}  // namespace shoal::client
