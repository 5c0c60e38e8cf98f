#include "simulations/audit/canaries.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "base/random.h"

namespace shoal::simulations {
namespace {

constexpr size_t kBits = 64;  // of a word, one for each value

}  // namespace

uint64_t Canaries::DirectionSeed(int64_t canary) const {
  return DeriveSeed(options_.seed, "canary direction",
                    {static_cast<uint64_t>(canary)});
}

bool Canaries::is_in(int64_t canary) const {
  SeededRng rng(DeriveSeed(options_.seed, "canary coin",
                           {static_cast<uint64_t>(canary)}));
  return rng.Below(2) == 1;
}

void Canaries::Write(int64_t canary, absl::Span<float> update) const {
  SHOAL_CHECK(static_cast<int64_t>(update.size()) == options_.num_parameters);
  double factor = options_.norm;
  if (!is_in(canary)) {
    if (options_.adjacency == privacy::Adjacency::kAddRemove) return;
    factor = -factor;
  }
  const auto value = static_cast<float>(
      factor / std::sqrt(static_cast<double>(update.size())));
  SeededRng signs(DirectionSeed(canary));
  for (size_t begin = 0; begin < update.size(); begin += kBits) {
    uint64_t word = signs.Uint64();
    const size_t end = std::min(begin + kBits, update.size());
    for (size_t i = begin; i < end; ++i, word >>= 1) {
      update[i] = (word & 1) == 1 ? value : -value;
    }
  }
}

double Canaries::Along(int64_t canary, absl::Span<const double> values) const {
  SHOAL_CHECK(static_cast<int64_t>(values.size()) == options_.num_parameters);
  SeededRng signs(DirectionSeed(canary));
  double sum = 0;
  for (size_t begin = 0; begin < values.size(); begin += kBits) {
    uint64_t word = signs.Uint64();
    const size_t end = std::min(begin + kBits, values.size());
    for (size_t i = begin; i < end; ++i, word >>= 1) {
      // A branch would be guessed wrong every other time.
      constexpr double kSign[] = {-1, 1};
      sum += kSign[word & 1] * values[i];
    }
  }
  return sum / std::sqrt(static_cast<double>(values.size()));
}

}  // namespace shoal::simulations
