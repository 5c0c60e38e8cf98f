// A generator that gives what a test tells it to.
#ifndef SHOAL_TESTS_PRIVACY_DIFFERENTIAL_PRIVACY_SCRIPTED_RNG_H_
#define SHOAL_TESTS_PRIVACY_DIFFERENTIAL_PRIVACY_SCRIPTED_RNG_H_

#include <cstdint>
#include <cstring>
#include <utility>
#include <vector>

#include "absl/types/span.h"
#include "base/random.h"

namespace shoal::testing {

// Words in this order, then zeros. One thread.
class ScriptedRng final : public SecureRng {
 public:
  explicit ScriptedRng(std::vector<uint64_t> words)
      : words_(std::move(words)) {}

  void Fill(absl::Span<uint8_t> out) override {
    std::memset(out.data(), 0, out.size());
    const size_t bytes = std::min(out.size(), 8 * (words_.size() - next_));
    std::memcpy(out.data(), words_.data() + next_, bytes);
    next_ += bytes / 8;
  }

 private:
  std::vector<uint64_t> words_;
  size_t next_ = 0;
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_PRIVACY_DIFFERENTIAL_PRIVACY_SCRIPTED_RNG_H_
