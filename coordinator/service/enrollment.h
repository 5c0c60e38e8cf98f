// Invitations, and the certificates that devices get for them.
#ifndef SHOAL_COORDINATOR_SERVICE_ENROLLMENT_H_
#define SHOAL_COORDINATOR_SERVICE_ENROLLMENT_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/random.h"
#include "coordinator/engine/round_store.h"
#include "protocol/certificates.h"

namespace shoal::coordinator {

// What an operator asks for.
struct InvitationRequest {
  std::optional<int64_t> uses;  // absent: unlimited until it expires
  absl::Duration valid_for = absl::Hours(1);  // (0, one year]
  std::string label;                          // up to 256 bytes
};

struct NewInvitation {
  std::string token;  // 40 hexadecimal digits; shown once, never stored
  absl::Time expires;
};

struct EnrolledDevice {
  std::string certificate_pem;
  std::string ca_pem;
  std::string device_id;
};

// Thread-safe.
class Enrollment {
 public:
  // Without a CA nobody is invited or enrolled. References must outlive this.
  Enrollment(RoundStore& store, SecureRng& rng,
             std::optional<protocol::KeyAndCertificate> ca,
             absl::Duration certificate_lifetime);

  // FAILED_PRECONDITION without a CA; INVALID_ARGUMENT.
  absl::StatusOr<NewInvitation> Invite(const InvitationRequest& request,
                                       absl::Time now);

  // Takes one use of the invitation and signs. A device whose answer was lost
  // asks again with the same key and invitation, until that expires: it takes
  // no other use. Refusals: kInvitationInvalid; kForgotten for the key of a
  // device that has been forgotten, and kBadRequest for a request or name that
  // cannot be signed, which take no use.
  absl::StatusOr<EnrolledDevice> Enroll(absl::string_view invitation,
                                        absl::string_view request_der,
                                        absl::string_view device_name,
                                        absl::Time now);

 private:
  RoundStore& store_;
  SecureRng& rng_;
  const std::optional<protocol::KeyAndCertificate> ca_;
  const absl::Duration certificate_lifetime_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_ENROLLMENT_H_
