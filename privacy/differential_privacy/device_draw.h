// Which devices of a fleet take part in a round, where every device is drawn by
// itself with the same probability: what amplification by Poisson sampling
// counts on. Nobody needs to know the fleet: a device is looked up when it
// comes, and always gets the same answer.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_DEVICE_DRAW_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_DEVICE_DRAW_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "base/hmac_key.h"

namespace shoal::privacy {

// Of one round. Thread-compatible.
class DeviceDraw {
 public:
  // By HMAC-SHA256 of a secret key: who does not have that cannot tell who is
  // drawn. The probability is `rate`, rounded down to a multiple of 2^-53.
  // REQUIRES: a rate in (0, 1].
  DeviceDraw(absl::string_view key, int64_t round_id, double rate);

  bool Includes(absl::string_view device_id) const;

 private:
  HmacKey key_;
  uint64_t threshold_;  // of 2^53
};

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_DEVICE_DRAW_H_
