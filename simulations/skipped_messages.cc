#include "simulations/skipped_messages.h"

#include <algorithm>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"
#include "base/digest.h"
#include "privacy/secure_aggregation/keys.h"
#include "privacy/secure_aggregation/shamir.h"
#include "privacy/secure_aggregation/share_seal.h"

namespace shoal::simulations {
namespace {

// The wire format of protobuf, with field numbers below 16.
int64_t Varint(uint64_t value) {
  int64_t bytes = 1;
  for (; value >= 128; value /= 128) ++bytes;
  return bytes;
}

int64_t Number(int value) { return value == 0 ? 0 : 1 + Varint(value); }

int64_t Nested(int64_t num_bytes) { return 1 + Varint(num_bytes) + num_bytes; }

int64_t Text(int64_t num_bytes) {
  return num_bytes == 0 ? 0 : Nested(num_bytes);
}

int64_t BitmapBytes(int num_members) { return Text((num_members + 7) / 8); }

int64_t Signature() { return Text(kSkippedSignatureBytes); }

const int64_t kDigestField = Nested(Digest::kSize);

std::string Padded(std::string bytes, int64_t num_bytes) {
  SHOAL_CHECK(std::ssize(bytes) <= num_bytes);
  bytes.resize(num_bytes, '\0');
  return bytes;
}

}  // namespace

std::string SkippedAdvertise(absl::string_view identity, int64_t num_bytes) {
  SHOAL_CHECK(identity.size() == kIdentityBytes);
  std::string bytes(1, static_cast<char>(SkippedKind::kAdvertise));
  absl::StrAppend(&bytes, identity);
  return Padded(std::move(bytes), num_bytes);
}

std::string SkippedBytes(SkippedKind kind, int64_t num_bytes) {
  return Padded(std::string(1, static_cast<char>(kind)), num_bytes);
}

std::string SkippedQuestion(SkippedKind kind, int64_t num_bytes,
                            int64_t answer_bytes) {
  std::string bytes(1, static_cast<char>(kind));
  AppendU32(bytes, static_cast<uint32_t>(answer_bytes));
  return Padded(std::move(bytes), num_bytes);
}

std::string SkippedGroupKeys(int num_members, int64_t num_bytes,
                             int64_t answer_bytes) {
  std::string bytes(1, static_cast<char>(SkippedKind::kGroupKeys));
  AppendU32(bytes, static_cast<uint32_t>(answer_bytes));
  AppendU32(bytes, static_cast<uint32_t>(num_members));
  return Padded(std::move(bytes), num_bytes);
}

std::string SkippedAbort(absl::string_view reason) {
  std::string bytes(1, static_cast<char>(SkippedKind::kAbort));
  absl::StrAppend(&bytes, reason);
  return Padded(std::move(bytes), Nested(Text(std::ssize(reason))));
}

absl::StatusOr<SkippedMessage> ParseSkipped(absl::string_view bytes) {
  if (bytes.empty() || bytes[0] < static_cast<char>(SkippedKind::kAdvertise) ||
      bytes[0] > static_cast<char>(SkippedKind::kAbort)) {
    return absl::InvalidArgumentError(
        "no message of a group whose cryptography is skipped");
  }
  SkippedMessage message;
  message.kind = static_cast<SkippedKind>(bytes[0]);
  const absl::string_view content = bytes.substr(1);
  switch (message.kind) {
    case SkippedKind::kGroupKeys:
    case SkippedKind::kHeldShares:
    case SkippedKind::kContributors:
    case SkippedKind::kUnmaskRequest: {
      ByteReader reader(content);
      message.answer_bytes = reader.U32();
      if (message.kind == SkippedKind::kGroupKeys) {
        message.num_members = static_cast<int>(reader.U32());
      }
      if (!reader.ok()) {
        return absl::InvalidArgumentError("a message that is cut short");
      }
      break;
    }
    case SkippedKind::kAbort:
      message.reason = std::string(content.substr(0, content.find('\0')));
      break;
    default:
      break;
  }
  return message;
}

namespace real_bytes {

int64_t Advertise(int64_t certificate_bytes, bool is_signed) {
  const int64_t keys = 2 * Nested(secure_aggregation::kKeyBytes) + kDigestField;
  return Nested(is_signed ? keys + Text(certificate_bytes) + Signature()
                          : keys);
}

int64_t GroupMember(int index, absl::string_view device_id,
                    int64_t advertise_bytes) {
  // The message that it joined with has a field around its keys, as here.
  return Nested(Number(index) + Text(std::ssize(device_id)) + advertise_bytes);
}

int64_t GroupKeys(int num_members, int own_index, int num_neighbors,
                  int threshold, int64_t members_bytes) {
  return Nested(2 * kDigestField + Number(num_members) + Number(own_index) +
                Number(num_neighbors) + Number(threshold) + members_bytes);
}

int64_t HolderShares(int holder, bool is_itself) {
  const int64_t hashes = Number(holder) + 2 * kDigestField;
  return Nested(is_itself ? hashes
                          : hashes + Nested(secure_aggregation::kSealedBytes) +
                                kDigestField);
}

int64_t Shares(int64_t holders_bytes, bool is_signed) {
  return Nested(holders_bytes + (is_signed ? Signature() : 0));
}

int64_t DealerShares(int dealer, const secure_aggregation::MerklePath* path) {
  int64_t bytes = Number(dealer) + Nested(secure_aggregation::kSealedBytes) +
                  2 * kDigestField;
  if (path != nullptr) {
    bytes += Number(static_cast<int>(path->left)) +
             std::ssize(path->siblings) * kDigestField + Signature();
  }
  return Nested(bytes);
}

int64_t HeldShares(int64_t dealers_bytes) { return Nested(dealers_bytes); }

int64_t MaskedInput() { return Nested(0); }

int64_t Contributors(int num_members) {
  return Nested(BitmapBytes(num_members));
}

int64_t ContributorsSigned() { return Nested(Signature()); }

int64_t MemberSignature(int member) {
  return Nested(Number(member) + Signature());
}

int64_t UnmaskRequest(int num_members, int64_t signatures_bytes) {
  return Nested(BitmapBytes(num_members) + signatures_bytes);
}

int64_t RevealedShare(int dealer) {
  return Nested(Number(dealer) + Nested(secure_aggregation::kShareBytes) +
                Nested(secure_aggregation::kSaltBytes));
}

int64_t UnmaskAnswer(int64_t shares_bytes) { return Nested(shares_bytes); }

}  // namespace real_bytes
}  // namespace shoal::simulations
