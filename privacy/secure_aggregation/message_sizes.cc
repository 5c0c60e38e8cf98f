#include "privacy/secure_aggregation/message_sizes.h"

#include <string>
#include <utility>

#include "privacy/secure_aggregation/messages.h"
#include "privacy/secure_aggregation/parameters.h"
#include "privacy/secure_aggregation/share_seal.h"

namespace shoal::secure_aggregation {
namespace {

// Lengths in hexadecimal digits and in DER.
constexpr int kUsualDeviceIdBytes = 64;
constexpr int kUsualSignatureBytes = 80;
// What stands around the list, and the signature of all of it.
constexpr int64_t kFrameBytes = kMaxSignatureBytes + 256;

template <typename Message>
int64_t BytesOf(Message message) {
  return static_cast<int64_t>(Encode(std::move(message)).size());
}

}  // namespace

int64_t MostSharesBytes(int num_neighbors) {
  HolderShares shares;
  shares.holder = kMaxGroupSize - 1;
  shares.sealed = std::string(kSealedBytes, ' ');
  const int64_t one =
      BytesOf(DeviceMessage(Shares{.holders = {shares}, .signature = ""}));
  return kFrameBytes + num_neighbors * one;
}

int64_t MostGroupKeysBytes(int num_neighbors, bool is_signed) {
  GroupMember member;
  member.index = kMaxGroupSize - 1;
  if (is_signed) {
    member.device_id = std::string(kUsualDeviceIdBytes, ' ');
    member.advertise.certificate = std::string(kUsualCertificateBytes, ' ');
    member.advertise.signature = std::string(kUsualSignatureBytes, ' ');
  }
  GroupKeys keys;
  const int64_t none = BytesOf(CoordinatorMessage(keys));
  keys.members.push_back(member);
  const int64_t one = BytesOf(CoordinatorMessage(keys)) - none;
  return kFrameBytes + (num_neighbors + int64_t{1}) * one;
}

absl::Status CheckMessageSizes(int num_neighbors, bool is_signed) {
  const int64_t shares = MostSharesBytes(num_neighbors);
  const int64_t keys = MostGroupKeysBytes(num_neighbors, is_signed);
  if (shares <= kMaxDeviceMessageBytes && keys <= kMaxCoordinatorMessageBytes) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      num_neighbors, " neighbours, shares for them of ", shares,
      " bytes, expected at most ", kMaxDeviceMessageBytes, ", and keys of ",
      keys, ", expected at most ", kMaxCoordinatorMessageBytes));
}

}  // namespace shoal::secure_aggregation
