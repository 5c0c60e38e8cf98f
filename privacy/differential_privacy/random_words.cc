#include "privacy/differential_privacy/random_words.h"

#include <openssl/crypto.h>

#include <algorithm>

#include "absl/types/span.h"
#include "base/check.h"

namespace shoal::privacy {

RandomWords::~RandomWords() { OPENSSL_cleanse(words_.data(), sizeof words_); }

void RandomWords::Refill() {
  next_ = kBuffered - next_size_;
  rng_.Fill(absl::MakeSpan(reinterpret_cast<uint8_t*>(words_.data() + next_),
                           next_size_ * sizeof(uint64_t)));
  next_size_ = std::min(2 * next_size_, kBuffered);
}

absl::uint128 RandomWords::Below(absl::uint128 bound) {
  SHOAL_CHECK(bound > 0);
  absl::uint128 mask = bound - 1;
  for (int shift = 1; shift < 128; shift *= 2) mask |= mask >> shift;
  const bool wide = absl::Uint128High64(mask) != 0;
  while (true) {
    const uint64_t high = wide ? Next() : 0;
    const absl::uint128 drawn = absl::MakeUint128(high, Next()) & mask;
    if (drawn < bound) return drawn;
  }
}

}  // namespace shoal::privacy
