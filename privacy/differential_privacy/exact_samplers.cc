#include "privacy/differential_privacy/exact_samplers.h"

#include "base/check.h"

namespace shoal::privacy {
namespace {

constexpr uint64_t kLargest = (uint64_t{1} << 32) - 1;

void CheckRatio(const Ratio& ratio) {
  SHOAL_CHECK(ratio.numerator >= 1 && ratio.numerator <= kLargest);
  SHOAL_CHECK(ratio.denominator >= 1 && ratio.denominator <= kLargest);
}

// Algorithm 1 for a ratio of at most 1: the index of the first of the events of
// probability ratio / 1, ratio / 2, … that does not happen is odd.
bool BernoulliExpOfFraction(absl::uint128 numerator, absl::uint128 denominator,
                            RandomWords& words) {
  absl::uint128 index = 1;
  while (words.Below(denominator * index) < numerator) ++index;
  return (index & 1) == 1;
}

uint64_t FloorOfRoot(uint64_t value) {
  uint64_t root = 0;
  for (uint64_t bit = uint64_t{1} << 31; bit > 0; bit >>= 1) {
    if ((root | bit) * (root | bit) <= value) root |= bit;
  }
  return root;
}

}  // namespace

bool BernoulliExp(absl::uint128 numerator, absl::uint128 denominator,
                  RandomWords& words) {
  SHOAL_CHECK(denominator > 0 && absl::Uint128High64(denominator) >> 32 == 0);
  while (numerator > denominator) {
    if (!BernoulliExpOfFraction(1, 1, words)) return false;
    numerator -= denominator;
  }
  return BernoulliExpOfFraction(numerator, denominator, words);
}

uint64_t GeometricExp(RandomWords& words) {
  uint64_t successes = 0;
  while (BernoulliExpOfFraction(1, 1, words)) ++successes;
  return successes;
}

int64_t DiscreteLaplace(const Ratio& scale, RandomWords& words) {
  CheckRatio(scale);
  const uint64_t t = scale.numerator;
  while (true) {
    const auto rest = static_cast<uint64_t>(words.Below(t));
    if (!BernoulliExp(rest, t, words)) continue;
    const uint64_t size = (rest + t * GeometricExp(words)) / scale.denominator;
    const bool negative = (words.Next() & 1) != 0;
    if (negative && size == 0) continue;  // zero has one sign
    return negative ? -static_cast<int64_t>(size) : static_cast<int64_t>(size);
  }
}

int64_t DiscreteGaussian(const Ratio& variance, RandomWords& words) {
  CheckRatio(variance);
  const uint64_t n = variance.numerator;
  const uint64_t d = variance.denominator;
  const uint64_t t = FloorOfRoot(n / d) + 1;
  // exp(-(|y| - n / (d t))^2 d / (2 n)) over a common denominator. No number
  // has more than 2 (17 + 34) bits below, and 70 here.
  const absl::uint128 denominator = absl::uint128(2) * n * d * t * t;
  while (true) {
    const int64_t y = DiscreteLaplace({t, 1}, words);
    const uint64_t size = y < 0 ? -static_cast<uint64_t>(y) : y;
    if (size > t << 16) continue;
    const absl::uint128 scaled = absl::uint128(size) * d * t;
    const absl::uint128 distance = scaled > n ? scaled - n : n - scaled;
    if (BernoulliExp(distance * distance, denominator, words)) return y;
  }
}

uint64_t RandomisedResponse(uint64_t value, uint64_t num_values,
                            const Ratio& noise, RandomWords& words) {
  SHOAL_CHECK(value < num_values);
  SHOAL_CHECK(noise.numerator <= noise.denominator && noise.denominator > 0);
  if (words.Below(noise.denominator) >= noise.numerator) return value;
  return static_cast<uint64_t>(words.Below(num_values));
}

}  // namespace shoal::privacy
