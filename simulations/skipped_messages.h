// The messages of groups whose cryptography is skipped: they say what step it
// is and are as long as the real ones, so that they take the same time and cost
// devices the same.
#ifndef SHOAL_SIMULATIONS_SKIPPED_MESSAGES_H_
#define SHOAL_SIMULATIONS_SKIPPED_MESSAGES_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "privacy/secure_aggregation/commitments.h"

namespace shoal::simulations {

// As privacy/secure_aggregation/messages.h names them.
enum class SkippedKind : char {
  kAdvertise = 1,
  kGroupKeys,
  kShares,
  kHeldShares,
  kMaskedInput,
  kContributors,
  kContributorsSigned,
  kUnmaskRequest,
  kUnmaskAnswer,
  kAbort,
};

// `content` is of its kind. Of kAdvertise: random bytes, by which members are
// told apart.
struct SkippedMessage {
  SkippedKind kind = SkippedKind::kAbort;
  std::string reason;        // of kAbort
  int64_t answer_bytes = 0;  // how long the answer is, of the coordinator's
  int num_members = 0;       // of kGroupKeys
};

inline constexpr int kIdentityBytes = 16;
// Of Ed25519.
inline constexpr int kSkippedSignatureBytes = 64;

// A message of that length. REQUIRES: it has room for what it says.
std::string SkippedAdvertise(absl::string_view identity, int64_t num_bytes);
std::string SkippedBytes(SkippedKind kind, int64_t num_bytes);
std::string SkippedQuestion(SkippedKind kind, int64_t num_bytes,
                            int64_t answer_bytes);
std::string SkippedGroupKeys(int num_members, int64_t num_bytes,
                             int64_t answer_bytes);
std::string SkippedAbort(absl::string_view reason);
// INVALID_ARGUMENT for bytes that are none.
absl::StatusOr<SkippedMessage> ParseSkipped(absl::string_view bytes);

// How long the parts of real messages are, encoded. Everything that members are
// numbered by changes the length of what names them.
namespace real_bytes {

int64_t Advertise(int64_t certificate_bytes, bool is_signed);
// Of a member that joined with a message of so many bytes; its id where
// messages are signed.
int64_t GroupMember(int index, absl::string_view device_id,
                    int64_t advertise_bytes);
int64_t GroupKeys(int num_members, int own_index, int num_neighbors,
                  int threshold, int64_t members_bytes);
int64_t HolderShares(int holder, bool is_itself);
int64_t Shares(int64_t holders_bytes, bool is_signed);
// `path`: null where nothing is signed.
int64_t DealerShares(int dealer, const secure_aggregation::MerklePath* path);
int64_t HeldShares(int64_t dealers_bytes);
int64_t MaskedInput();
int64_t Contributors(int num_members);
int64_t ContributorsSigned();
int64_t MemberSignature(int member);
int64_t UnmaskRequest(int num_members, int64_t signatures_bytes);
int64_t RevealedShare(int dealer);
int64_t UnmaskAnswer(int64_t shares_bytes);

}  // namespace real_bytes
}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_SKIPPED_MESSAGES_H_
