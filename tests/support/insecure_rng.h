// A repeatable stand-in for SecureRng. For tests alone: nothing about it is
// secret.
#ifndef SHOAL_TESTS_SUPPORT_INSECURE_RNG_H_
#define SHOAL_TESTS_SUPPORT_INSECURE_RNG_H_

#include <cstdint>

#include "absl/types/span.h"
#include "base/mutex.h"
#include "base/random.h"

namespace shoal::testing {

// Thread-safe, as SecureRng asks for.
class InsecureSeededRng final : public SecureRng {
 public:
  explicit InsecureSeededRng(uint64_t seed) : rng_(seed) {}

  void Fill(absl::Span<uint8_t> out) override {
    MutexLock lock(mutex_);
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(rng_.Uint64() >> 56);
  }

 private:
  Mutex mutex_;
  SeededRng rng_ SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_INSECURE_RNG_H_
