#include "coordinator/service/enrollment.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "base/human_duration.h"
#include "base/status_macros.h"
#include "coordinator/engine/failpoints.h"
#include "coordinator/service/store_errors.h"
#include "protocol/refusal.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using protocol::RefusalError;

constexpr size_t kTokenBytes = 20;
constexpr size_t kMaxLabel = 256;
constexpr size_t kMaxRequest = 8192;
constexpr absl::Duration kMaxValidity = absl::Hours(24 * 366);

absl::Status Check(const InvitationRequest& request) {
  if (request.valid_for <= absl::ZeroDuration() ||
      request.valid_for > kMaxValidity) {
    return absl::InvalidArgumentError(
        absl::StrCat("valid_for: is ", HumanDuration(request.valid_for),
                     ", expected more than 0 s and at most a year"));
  }
  if (request.label.size() > kMaxLabel) {
    return absl::InvalidArgumentError(
        absl::StrCat("label: has ", request.label.size(),
                     " bytes, expected at most ", kMaxLabel));
  }
  return absl::OkStatus();
}

}  // namespace

Enrollment::Enrollment(RoundStore& store, SecureRng& rng,
                       std::optional<protocol::KeyAndCertificate> ca,
                       absl::Duration certificate_lifetime)
    : store_(store),
      rng_(rng),
      ca_(std::move(ca)),
      certificate_lifetime_(certificate_lifetime) {}

absl::StatusOr<NewInvitation> Enrollment::Invite(
    const InvitationRequest& request, absl::Time now) {
  if (!ca_.has_value()) {
    return absl::FailedPreconditionError(
        "this coordinator enrolls nobody: set enrollment_ca_key (and tls) in "
        "its configuration");
  }
  SHOAL_RETURN_IF_ERROR(Check(request));
  NewInvitation invitation;
  invitation.token = absl::BytesToHexString(rng_.Bytes(kTokenBytes));
  invitation.expires = now + request.valid_for;
  InvitationRow row;
  row.token_hash = Sha256(invitation.token);
  row.uses_left = request.uses;
  row.expires = invitation.expires;
  row.label = request.label;
  row.created = now;
  SHOAL_RETURN_IF_ERROR(StoreError(store_.CreateInvitation(row)));
  return invitation;
}

absl::StatusOr<EnrolledDevice> Enrollment::Enroll(absl::string_view invitation,
                                                  absl::string_view request_der,
                                                  absl::string_view device_name,
                                                  absl::Time now) {
  if (!ca_.has_value()) {
    return RefusalError(RefusalCode::kInvitationInvalid,
                        "this coordinator enrolls nobody: its configuration "
                        "has no enrollment_ca_key");
  }
  if (request_der.size() > kMaxRequest) {
    return RefusalError(
        RefusalCode::kBadRequest,
        absl::StrCat("certificate_request: has ", request_der.size(),
                     " bytes, expected at most ", kMaxRequest));
  }
  // Signed first: what cannot be signed must not use up the invitation.
  absl::StatusOr<std::string> certificate = protocol::SignDeviceRequest(
      *ca_, request_der, device_name, now, certificate_lifetime_);
  if (absl::IsInvalidArgument(certificate.status())) {
    return RefusalError(RefusalCode::kBadRequest,
                        certificate.status().message());
  }
  if (!certificate.ok()) return certificate.status();
  SHOAL_ASSIGN_OR_RETURN(const protocol::Identity identity,
                         protocol::ReadIdentity(*certificate));
  const absl::Status used =
      store_.UseInvitation(Sha256(invitation), identity.id, now);
  if (absl::IsNotFound(used)) {
    return RefusalError(RefusalCode::kInvitationInvalid,
                        "the invitation is unknown, used up or expired");
  }
  if (absl::IsFailedPrecondition(used)) {
    return RefusalError(RefusalCode::kForgotten,
                        "the device of this key has been forgotten: enrol in "
                        "an empty folder, which makes a new key");
  }
  SHOAL_RETURN_IF_ERROR(StoreError(used));
  Failpoint("after_use_invitation");
  DeviceRow row;
  row.id = identity.id;
  row.name = identity.name;
  row.enrolled = now;
  row.certificate_expires = identity.expires;
  SHOAL_RETURN_IF_ERROR(StoreError(store_.UpsertDevice(row)));
  return EnrolledDevice{*std::move(certificate), ca_->certificate_pem,
                        identity.id};
}

}  // namespace shoal::coordinator
