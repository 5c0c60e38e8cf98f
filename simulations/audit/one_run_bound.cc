#include "simulations/audit/one_run_bound.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"

namespace shoal::simulations {
namespace {

// More has never been claimed.
constexpr double kLargestEpsilon = 1000;
constexpr int kBisections = 60;

// P(X = k) of `n` coins, for k = 0 … n. The probability of heads is
// 1 / (1 + e^-epsilon), that of tails 1 / (1 + e^epsilon).
std::vector<double> Binomial(int64_t n, double epsilon) {
  const double log_heads = -std::log1p(std::exp(-epsilon));
  const double log_tails = log_heads - epsilon;
  std::vector<double> mass(n + 1);
  for (int64_t k = 0; k <= n; ++k) {
    const auto heads = static_cast<double>(k);
    const auto tails = static_cast<double>(n - k);
    mass[k] = std::exp(std::lgamma(heads + tails + 1) - std::lgamma(heads + 1) -
                       std::lgamma(tails + 1) + heads * log_heads +
                       tails * log_tails);
  }
  return mass;
}

}  // namespace

double ChanceOfGuesses(const Guesses& guesses, double epsilon, double delta) {
  const auto& [canaries, made, right] = guesses;
  SHOAL_CHECK(0 <= right && right <= made && made <= canaries);
  SHOAL_CHECK(epsilon >= 0 && delta >= 0 && delta < 1);
  const std::vector<double> mass = Binomial(made, epsilon);
  double tail = 0;
  for (int64_t k = right; k <= made; ++k) tail += mass[k];
  // f(v - i) - f(v) is the mass from v - i to v; beyond v it grows no more.
  double largest = 0;
  double below = 0;
  for (int64_t i = 1; i <= right; ++i) {
    below += mass[right - i];
    largest = std::max(largest, below / static_cast<double>(i));
  }
  const double chance =
      tail + 2 * static_cast<double>(canaries) * delta * largest;
  return std::min(chance, 1.0);
}

double EpsilonLowerBound(const Guesses& guesses, double delta,
                         double error_probability) {
  const auto is_refuted = [&](double epsilon) {
    return ChanceOfGuesses(guesses, epsilon, delta) < error_probability;
  };
  if (!is_refuted(0)) return 0;
  double low = 0;
  double high = 1;
  while (is_refuted(high) && high < kLargestEpsilon) {
    low = high;
    high *= 2;
  }
  for (int i = 0; i < kBisections; ++i) {
    const double middle = (low + high) / 2;
    (is_refuted(middle) ? low : high) = middle;
  }
  return low;
}

std::vector<Guesses> GuessByScore(absl::Span<const ScoredCanary> canaries) {
  std::vector<ScoredCanary> sorted(canaries.begin(), canaries.end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const ScoredCanary& a, const ScoredCanary& b) {
                     return a.score > b.score;
                   });
  std::vector<Guesses> all;
  const auto num_canaries = static_cast<int64_t>(sorted.size());
  for (int level = 0; level < kGuessLevels; ++level) {
    const int64_t of_each = num_canaries >> (level + 1);
    Guesses guesses = {.canaries = num_canaries, .made = 2 * of_each};
    for (int64_t i = 0; i < of_each; ++i) {
      if (sorted[i].is_in) ++guesses.right;
      if (!sorted[num_canaries - 1 - i].is_in) ++guesses.right;
    }
    all.push_back(guesses);
  }
  return all;
}

}  // namespace shoal::simulations
