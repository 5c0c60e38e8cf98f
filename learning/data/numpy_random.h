// The random numbers of NumPy's RandomState, for workloads that other programs
// generate with it: the same seed gives the same values, bit for bit.
//
// RandomState's streams are frozen (NumPy enhancement proposal 19): MT19937
// (Matsumoto and Nishimura 1998), 53-bit doubles, Marsaglia's polar method.
#ifndef SHOAL_LEARNING_DATA_NUMPY_RANDOM_H_
#define SHOAL_LEARNING_DATA_NUMPY_RANDOM_H_

#include <cstdint>
#include <random>
#include <vector>

namespace shoal::learning {

// RandomState(seed). Thread-compatible.
class NumpyRandom {
 public:
  explicit NumpyRandom(uint32_t seed) : generator_(seed) {}

  // rand(): uniform in [0, 1).
  double Uniform();
  // uniform(low, high).
  double Uniform(double low, double high);
  // normal(mean, deviation).
  double Normal(double mean, double deviation);
  // permutation(size); choice(size, k, replace=False) is its first k values.
  std::vector<int64_t> Permutation(int64_t size);
  // permutation(values), in place.
  void Shuffle(std::vector<int64_t>& values);

 private:
  double StandardNormal();
  // Uniform in [0, most].
  uint32_t UpTo(uint32_t most);

  std::mt19937 generator_;
  double spare_normal_ = 0;
  bool has_spare_normal_ = false;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_DATA_NUMPY_RANDOM_H_
