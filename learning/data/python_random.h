// The random numbers of Python's `random` module, for data sets that other
// programs shuffle with it: the same seed gives the same order.
#ifndef SHOAL_LEARNING_DATA_PYTHON_RANDOM_H_
#define SHOAL_LEARNING_DATA_PYTHON_RANDOM_H_

#include <cstdint>
#include <random>
#include <vector>

namespace shoal::learning {

// random.Random(seed): MT19937, seeded by "init_by_array" (Matsumoto and
// Nishimura 2002) with the seed as its only word. Thread-compatible.
class PythonRandom {
 public:
  explicit PythonRandom(uint32_t seed);

  // list(range(size)), then shuffle(…).
  std::vector<int64_t> ShuffledRange(int64_t size);

 private:
  // randrange(bound), by rejection. REQUIRES: bound in [1, 2^32 - 1].
  uint32_t Below(uint32_t bound);

  std::mt19937 generator_;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_PYTHON_RANDOM_H_
