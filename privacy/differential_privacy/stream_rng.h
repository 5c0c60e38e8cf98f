// Noise as a function of a key: what is drawn for a round is drawn again, the
// same, after a crash.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_STREAM_RNG_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_STREAM_RNG_H_

#include <cstdint>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/random.h"
#include "privacy/secure_aggregation/keystream.h"

namespace shoal::privacy {

// One of the streams of AES-256-CTR of a key of kSeedBytes. One thread.
class StreamRng final : public SecureRng {
 public:
  StreamRng(absl::string_view key, uint64_t stream) {
    keystream_.Start(key, stream);
  }
  void Fill(absl::Span<uint8_t> out) override { keystream_.Read(out); }

 private:
  secure_aggregation::Keystream keystream_;
};

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_STREAM_RNG_H_
