// Who signs for a member, and who checks it: devices by the certificates they
// were enrolled with, in the settings that do not trust the coordinator.
#ifndef SHOAL_PRIVACY_SECURE_AGGREGATION_SIGNING_H_
#define SHOAL_PRIVACY_SECURE_AGGREGATION_SIGNING_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "privacy/secure_aggregation/keys.h"
#include "privacy/secure_aggregation/messages.h"

namespace shoal::secure_aggregation {

// Thread-safe.
class MemberSigner {
 public:
  virtual ~MemberSigner() = default;
  // Of the device's own key, at most kMaxCertificateBytes.
  virtual const std::string& certificate() const = 0;
  // At most kMaxSignatureBytes.
  virtual absl::StatusOr<std::string> Sign(absl::string_view message) const = 0;
};

// Thread-safe. Trusts nothing that the coordinator of a malicious setting could
// make: its root must be one that the coordinator has no key of.
class MemberVerifier {
 public:
  virtual ~MemberVerifier() = default;
  // The id of the device whose valid certificate it is, when it signed the
  // message. INVALID_ARGUMENT: no honest device says this. Any other error is
  // not its doing: FAILED_PRECONDITION when the certificate is not one of our
  // CAs for now, because it has expired, or the CA is another.
  virtual absl::StatusOr<std::string> Verify(
      absl::string_view certificate, absl::string_view message,
      absl::string_view signature) const = 0;
};

// What is signed. Everything names the round; what belongs to a session also
// names the signer's keys, which are made anew for every session, so that no
// signature of one session is any use in another, whatever its id.

// A device's keys.
std::string AdvertiseText(absl::string_view round, absl::string_view device_id,
                          const Advertise& advertise);
// All that a dealer dealt: the root of the tree over its holders.
std::string SharesText(absl::string_view round, const Digest& session,
                       const Party& dealer, const Digest& root);
// That a member saw this set of contributors, and no other.
std::string ContributorsText(absl::string_view round, const Digest& session,
                             const Party& member, absl::string_view bitmap);

// The id of a session: what it is for, a random number and who takes part, in
// the order of the members. In the complete graph every device works it out, so
// that members who were shown different groups have nothing in common.
Digest SessionId(absl::string_view round, const Digest& nonce,
                 const std::vector<GroupMember>& members);

}  // namespace shoal::secure_aggregation

#endif  // SHOAL_PRIVACY_SECURE_AGGREGATION_SIGNING_H_
