// What the tests of kernels share. Free of Abseil, so that they also build for
// other processors.
#ifndef SHOAL_TESTS_LEARNING_KERNELS_KERNELS_TEST_SUPPORT_H_
#define SHOAL_TESTS_LEARNING_KERNELS_KERNELS_TEST_SUPPORT_H_

#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "gtest/gtest.h"
#include "learning/kernels/kernels.h"

namespace shoal::learning {

// Floats on the heap, exactly as many as asked for: the address sanitizer sees
// a step outside.
class Floats {
 public:
  explicit Floats(int64_t size, float value = 0)
      : size_(size), values_(new float[size]) {
    for (int64_t i = 0; i < size; ++i) values_[i] = value;
  }
  Floats(const Floats& other) : Floats(other.size_) {
    for (int64_t i = 0; i < size_; ++i) values_[i] = other[i];
  }
  Floats(Floats&&) = default;

  // Uniform in [low, high).
  static Floats Random(int64_t size, uint32_t seed, float low = -1,
                       float high = 1) {
    Floats floats(size);
    std::minstd_rand engine(seed);
    for (int64_t i = 0; i < size; ++i) {
      const float unit = static_cast<float>(engine() % 65536) / 65536;
      floats[i] = low + (high - low) * unit;
    }
    return floats;
  }

  float& operator[](int64_t i) { return values_[i]; }
  float operator[](int64_t i) const { return values_[i]; }
  float* data() { return values_.get(); }
  const float* data() const { return values_.get(); }
  int64_t size() const { return size_; }

 private:
  int64_t size_;
  std::unique_ptr<float[]> values_;
};

// Runs every test for each instruction set.
class KernelsTest : public testing::TestWithParam<InstructionSet> {
 protected:
  void SetUp() override {
    kernels_ = KernelsFor(GetParam());
    if (kernels_ == nullptr) {
      GTEST_SKIP() << "this processor or build lacks the instruction set";
    }
  }

  const Kernels& kernels() const { return *kernels_; }

  // Sizes around the vectors' lengths, and primes.
  static constexpr int64_t kSizes[] = {1,  2,  3,  4,  5,  7,  8,  9,  15,
                                       16, 17, 31, 32, 33, 47, 64, 129};

 private:
  const Kernels* kernels_ = nullptr;
};

inline std::string NameOf(const testing::TestParamInfo<InstructionSet>& info) {
  switch (info.param) {
    case InstructionSet::kBaseline:
      return "Baseline";
    case InstructionSet::kAvx2:
      return "Avx2";
    case InstructionSet::kAvx512:
      return "Avx512";
  }
  return "Unknown";
}

#define SHOAL_FOR_INSTRUCTION_SETS(Suite)                               \
  INSTANTIATE_TEST_SUITE_P(                                             \
      , Suite,                                                          \
      testing::Values(InstructionSet::kBaseline, InstructionSet::kAvx2, \
                      InstructionSet::kAvx512),                         \
      NameOf)

}  // namespace shoal::learning

#endif  // SHOAL_TESTS_LEARNING_KERNELS_KERNELS_TEST_SUPPORT_H_
