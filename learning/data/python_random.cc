#include "learning/data/python_random.h"

#include <algorithm>
#include <bit>
#include <cstddef>
#include <numeric>
#include <utility>

#include "base/check.h"

namespace shoal::learning {
namespace {

// init_by_array with one word, as the seed sequence that std::mt19937 takes its
// state from.
class InitByArray {
 public:
  using result_type = uint32_t;

  explicit InitByArray(uint32_t key) : key_(key) {}

  // As the standard asks of seed sequences. REQUIRES: room for 624 words.
  template <typename Iterator>
  void generate(Iterator begin, Iterator end) const {
    SHOAL_CHECK(end - begin == static_cast<ptrdiff_t>(kWords));
    std::vector<uint32_t> state(kWords);
    state[0] = 19650218;
    for (size_t i = 1; i < kWords; ++i) {
      state[i] = 1812433253 * Mixed(state[i - 1]) + static_cast<uint32_t>(i);
    }
    size_t i = 1;
    const auto step = [&](uint32_t factor, uint32_t added) {
      state[i] = (state[i] ^ (Mixed(state[i - 1]) * factor)) + added;
      if (++i < kWords) return;
      state[0] = state[kWords - 1];
      i = 1;
    };
    for (size_t k = 0; k < kWords; ++k) step(1664525, key_);
    for (size_t k = 1; k < kWords; ++k) {
      step(1566083941, 0 - static_cast<uint32_t>(i));
    }
    state[0] = 0x80000000;
    std::copy(state.begin(), state.end(), begin);
  }

 private:
  static constexpr size_t kWords = std::mt19937::state_size;

  static uint32_t Mixed(uint32_t word) { return word ^ (word >> 30); }

  const uint32_t key_;
};

std::mt19937 MakeGenerator(uint32_t seed) {
  InitByArray sequence(seed);
  return std::mt19937(sequence);
}

}  // namespace

PythonRandom::PythonRandom(uint32_t seed) : generator_(MakeGenerator(seed)) {}

uint32_t PythonRandom::Below(uint32_t bound) {
  const int shift = 32 - static_cast<int>(std::bit_width(bound));
  uint32_t value;
  do {
    value = static_cast<uint32_t>(generator_()) >> shift;
  } while (value >= bound);
  return value;
}

std::vector<int64_t> PythonRandom::ShuffledRange(int64_t size) {
  std::vector<int64_t> values(size);
  std::iota(values.begin(), values.end(), int64_t{0});
  for (int64_t i = size - 1; i >= 1; --i) {
    std::swap(values[i], values[Below(static_cast<uint32_t>(i + 1))]);
  }
  return values;
}

}  // namespace shoal::learning
