#include "learning/data/numpy_random.h"

#include <cmath>
#include <numeric>
#include <utility>

namespace shoal::learning {

double NumpyRandom::Uniform() {
  const uint32_t high = generator_() >> 5;
  const uint32_t low = generator_() >> 6;
  return (high * 67108864.0 + low) / 9007199254740992.0;
}

double NumpyRandom::Uniform(double low, double high) {
  return low + (high - low) * Uniform();
}

double NumpyRandom::StandardNormal() {
  if (has_spare_normal_) {
    has_spare_normal_ = false;
    return spare_normal_;
  }
  double x, y, squares;
  do {
    x = 2.0 * Uniform() - 1.0;
    y = 2.0 * Uniform() - 1.0;
    squares = x * x + y * y;
  } while (squares >= 1.0 || squares == 0.0);
  const double factor = std::sqrt(-2.0 * std::log(squares) / squares);
  spare_normal_ = factor * x;
  has_spare_normal_ = true;
  return factor * y;
}

double NumpyRandom::Normal(double mean, double deviation) {
  return mean + deviation * StandardNormal();
}

uint32_t NumpyRandom::UpTo(uint32_t most) {
  uint32_t mask = most;
  for (int shift = 1; shift < 32; shift *= 2) mask |= mask >> shift;
  uint32_t value;
  do {
    value = generator_() & mask;
  } while (value > most);
  return value;
}

void NumpyRandom::Shuffle(std::vector<int64_t>& values) {
  for (int64_t i = static_cast<int64_t>(values.size()) - 1; i >= 1; --i) {
    std::swap(values[i], values[UpTo(static_cast<uint32_t>(i))]);
  }
}

std::vector<int64_t> NumpyRandom::Permutation(int64_t size) {
  std::vector<int64_t> values(size);
  std::iota(values.begin(), values.end(), int64_t{0});
  Shuffle(values);
  return values;
}

}  // namespace shoal::learning
