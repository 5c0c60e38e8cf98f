// Two kinds of randomness that are never mixed up: SecureRng for keys, tokens
// and privacy noise; SeededRng for everything that must be repeatable.
#ifndef SHOAL_BASE_RANDOM_H_
#define SHOAL_BASE_RANDOM_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace shoal {

// Cryptographic randomness. Thread-safe.
class SecureRng {
 public:
  virtual ~SecureRng() = default;
  virtual void Fill(absl::Span<uint8_t> out) = 0;

  std::string Bytes(size_t size);
  uint64_t Uint64();
  // Uniform in [0, 1).
  double Uniform();
};

// OpenSSL's AES-256-CTR generator: seeded by the operating system, reseeded,
// safe across fork. Aborts when the system has no entropy.
class SystemRng final : public SecureRng {
 public:
  void Fill(absl::Span<uint8_t> out) override;
};

// A repeatable generator (xoshiro256++, Blackman and Vigna 2019, seeded by
// SplitMix64). The same on every machine and compiler; NOT secure.
// Thread-compatible.
class SeededRng {
 public:
  explicit SeededRng(uint64_t seed);

  uint64_t Uint64();
  // Uniform in [0, bound), without bias. REQUIRES: bound > 0.
  uint64_t Below(uint64_t bound);
  // Uniform in [0, 1), 53 bits.
  double Uniform();
  // Standard normal (Box-Muller, both halves used).
  double Normal();
  // Gamma(shape, 1) (Marsaglia and Tsang 2000). REQUIRES: shape > 0.
  double Gamma(double shape);
  // Fisher-Yates.
  template <typename T>
  void Shuffle(absl::Span<T> values) {
    for (size_t i = values.size(); i > 1; --i) {
      std::swap(values[i - 1], values[Below(i)]);
    }
  }

 private:
  std::array<uint64_t, 4> state_;
  double spare_normal_ = 0;
  bool has_spare_normal_ = false;
};

// A seed for one purpose, derived from a seed, a name and numbers, so that
// independent streams need no bookkeeping. (SHA-256, first 8 bytes.)
//   SeededRng rng(DeriveSeed(run_seed, "shuffle", {device, round}));
uint64_t DeriveSeed(uint64_t seed, absl::string_view purpose,
                    absl::Span<const uint64_t> numbers = {});

}  // namespace shoal

#endif  // SHOAL_BASE_RANDOM_H_
