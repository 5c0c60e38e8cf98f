// A stand-in for the system's generator, so that simulations are repeatable:
// keys and tokens made with it are worth nothing.
#ifndef SHOAL_SIMULATIONS_INSECURE_RNG_H_
#define SHOAL_SIMULATIONS_INSECURE_RNG_H_

#include <cstdint>

#include "absl/types/span.h"
#include "base/mutex.h"
#include "base/random.h"

namespace shoal::simulations {

// Thread-safe; repeatable as far as one thread uses it.
class InsecureSeededRng final : public SecureRng {
 public:
  explicit InsecureSeededRng(uint64_t seed) : rng_(seed) {}

  void Fill(absl::Span<uint8_t> out) override SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    for (uint8_t& byte : out) byte = static_cast<uint8_t>(rng_.Uint64() >> 56);
  }

 private:
  Mutex mutex_;
  SeededRng rng_ SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_INSECURE_RNG_H_
