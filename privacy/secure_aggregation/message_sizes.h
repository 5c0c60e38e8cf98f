// How long the messages of a session get: they grow with the neighbours of a
// member, and neither side takes any length.
#ifndef SHOAL_PRIVACY_SECURE_AGGREGATION_MESSAGE_SIZES_H_
#define SHOAL_PRIVACY_SECURE_AGGREGATION_MESSAGE_SIZES_H_

#include <cstdint>

#include "absl/status/status.h"

namespace shoal::secure_aggregation {

// What a coordinator takes of a device, and a device of a coordinator.
inline constexpr int64_t kMaxDeviceMessageBytes = int64_t{1} << 20;
inline constexpr int64_t kMaxCoordinatorMessageBytes = int64_t{4} << 20;

// Certificates of devices may be longer (kMaxCertificateBytes), but those that
// we issue are shorter, and so many neighbours are rare.
inline constexpr int kUsualCertificateBytes = 1024;

// At most so many bytes have, of a member with that many neighbours, its shares
// for them, and the keys of all that it is told, where certificates are usual.
// No other message of the two sides is longer.
int64_t MostSharesBytes(int num_neighbors);
int64_t MostGroupKeysBytes(int num_neighbors, bool is_signed);

// INVALID_ARGUMENT, with all figures, when one of the two is more than is
// taken.
absl::Status CheckMessageSizes(int num_neighbors, bool is_signed);

}  // namespace shoal::secure_aggregation

#endif  // SHOAL_PRIVACY_SECURE_AGGREGATION_MESSAGE_SIZES_H_
