// A device's part in the groups of a round with secure aggregation: the update
// that it has trained, and its keys in the group that it is in.
#ifndef SHOAL_CLIENT_GROUP_PART_H_
#define SHOAL_CLIENT_GROUP_PART_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/digest.h"
#include "base/random.h"
#include "base/secret.h"
#include "client/group_policy.h"
#include "client/session.h"
#include "learning/parameters.h"
#include "learning/update_codec.h"
#include "privacy/secure_aggregation/group.h"
#include "privacy/secure_aggregation/signing.h"
#include "protocol/messages.h"
#include "protocol/secure_update.h"

namespace shoal::client {

// Who a device is to its groups. All must outlive the part.
struct GroupSite {
  SecureRng* rng = nullptr;                                // required
  const secure_aggregation::MemberMaker* maker = nullptr;  // required
  std::string device_id;  // as its certificate has it
  // Both null: the device takes no part where messages are signed.
  const secure_aggregation::MemberSigner* signer = nullptr;
  const secure_aggregation::MemberVerifier* verifier = nullptr;
  GroupPolicy policy;
};

// Whether the plan and what was agreed on when the device checked in are the
// same, and the device can sign where it has to. FAILED_PRECONDITION says what
// is not so.
absl::Status CheckAgreed(const protocol::Assignment& assignment,
                         const GroupSite& site);

// Thread-compatible. One update, one group at a time.
class GroupPart {
 public:
  // Takes the values of the update, which leave this object masked alone. Draws
  // what its roundings and its noise come from; the noise of every group is
  // fresh, roundings without noise are the same in all. INVALID_ARGUMENT when
  // there is no such round. REQUIRES: the assignment's plan has
  // secure_aggregation.
  static absl::StatusOr<std::unique_ptr<GroupPart>> Create(
      const GroupSite& site, const protocol::Assignment& assignment,
      learning::ParameterVector values, const learning::UpdateReport& report);

  // Makes new keys, and forgets those that there were; returns what to join a
  // group with. REQUIRES: what was masked has not been unmasked.
  absl::StatusOr<std::string> Join();

  struct Answer {
    std::string message;
    EncodedUpdate masked;  // not null: what to upload; the message is in it
  };
  // Takes a message of the group. Errors are those of Member::OnMessage and of
  // SecureUpdate::Encode. REQUIRES: Join() returned OK.
  absl::StatusOr<Answer> OnMessage(const Digest& session,
                                   absl::string_view bytes);
  bool has_unmasked() const { return member_->has_unmasked(); }

 private:
  GroupPart(const GroupSite& site, protocol::SecureUpdate update,
            learning::ParameterVector values,
            const learning::UpdateReport& report);

  absl::StatusOr<EncodedUpdate> Mask(const Digest& session,
                                     absl::string_view message);

  const GroupSite site_;
  const protocol::SecureUpdate update_;
  learning::ParameterVector values_;  // empty once they have been unmasked
  const learning::UpdateReport report_;
  const Secret seed_;
  uint64_t times_masked_ = 0;
  std::unique_ptr<secure_aggregation::Member> member_;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_GROUP_PART_H_
