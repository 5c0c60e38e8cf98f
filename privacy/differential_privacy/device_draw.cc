#include "privacy/differential_privacy/device_draw.h"

#include <cmath>

#include "absl/strings/str_cat.h"
#include "base/bytes.h"
#include "base/check.h"

namespace shoal::privacy {
namespace {

constexpr int kBits = 53;

// One for every round, so that no device's name can be taken for a round's.
HmacKey KeyOf(absl::string_view key, int64_t round_id) {
  const Digest derived =
      HmacKey(key).Of(absl::StrCat("shoal devices of round ", round_id));
  return HmacKey(derived.AsBytes());
}

}  // namespace

DeviceDraw::DeviceDraw(absl::string_view key, int64_t round_id, double rate)
    : key_(KeyOf(key, round_id)),
      threshold_(static_cast<uint64_t>(std::ldexp(rate, kBits))) {
  SHOAL_CHECK(rate > 0 && rate <= 1);
}

bool DeviceDraw::Includes(absl::string_view device_id) const {
  const Digest digest = key_.Of(device_id);
  return LoadU64(digest.AsBytes().data()) >> (64 - kBits) < threshold_;
}

}  // namespace shoal::privacy
