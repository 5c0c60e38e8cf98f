// Secret random words, drawn from a generator many at a time: what every
// sampler of noise is fed with.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_RANDOM_WORDS_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_RANDOM_WORDS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/numeric/int128.h"
#include "base/random.h"

namespace shoal::privacy {

// Make one for one task and let it go: words that wait in it would be drawn
// twice if the process forked. Wipes them when it dies. One thread.
class RandomWords {
 public:
  // `rng` must outlive the object.
  explicit RandomWords(SecureRng& rng) : rng_(rng) {}
  ~RandomWords();
  RandomWords(const RandomWords&) = delete;
  RandomWords& operator=(const RandomWords&) = delete;

  uint64_t Next() {
    if (next_ == kBuffered) Refill();
    return words_[next_++];
  }

  // Uniform in [0, bound), exactly: takes as many bits as bound - 1 has until
  // they are below it. REQUIRES: bound > 0.
  absl::uint128 Below(absl::uint128 bound);

 private:
  static constexpr size_t kBuffered = 512;
  void Refill();

  SecureRng& rng_;
  size_t next_size_ = 8;  // few words for a few draws, then more at a time
  size_t next_ = kBuffered;
  std::array<uint64_t, kBuffered> words_;
};

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_RANDOM_WORDS_H_
