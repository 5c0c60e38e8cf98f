// What the guesses of one run prove: a lower bound on epsilon with a stated
// confidence. Steinke, Nasr, Jagielski, "Privacy Auditing with One (1) Training
// Run", NeurIPS 2023.
//
// Each of m canaries is in the run or held out, by a fair coin of its own. Who
// sees what the run released says of some of them "in" or "held out", and of
// the others nothing. If the run is (epsilon, delta)-private for every canary,
// every guess is right with a probability of e^epsilon / (e^epsilon + 1) at
// most, but for delta. More right guesses than that allows refute the epsilon.
#ifndef SHOAL_SIMULATIONS_AUDIT_ONE_RUN_BOUND_H_
#define SHOAL_SIMULATIONS_AUDIT_ONE_RUN_BOUND_H_

#include <cstdint>
#include <vector>

#include "absl/types/span.h"

namespace shoal::simulations {

struct Guesses {
  int64_t canaries = 0;  // m, those without a guess among them
  int64_t made = 0;      // r, in [0, m]
  int64_t right = 0;     // v, in [0, r]
};

// An upper bound on the probability of so many right guesses under (epsilon,
// delta)-privacy: theorem 5.2,
//   f(v) + 2 m delta max over i of (f(v - i) - f(v)) / i,
// where f(v) is the chance of v heads or more in r coins of e^epsilon /
// (e^epsilon + 1). REQUIRES: epsilon >= 0, delta in [0, 1).
double ChanceOfGuesses(const Guesses& guesses, double epsilon, double delta);

// The largest epsilon of which the guesses are less likely than
// `error_probability`, rounded down; 0 when there is none.
double EpsilonLowerBound(const Guesses& guesses, double delta,
                         double error_probability);

// A canary as who guesses sees it: the larger the score, the more likely it is
// in the run.
struct ScoredCanary {
  double score = 0;
  bool is_in = false;
};

// How many numbers of guesses are tried: of all canaries, half, a quarter and
// an eighth of them. Each is one test of its own.
inline constexpr int kGuessLevels = 4;

// Says "in" of the canaries with the highest scores and "held out" of as many
// with the lowest ones. One for each level.
std::vector<Guesses> GuessByScore(absl::Span<const ScoredCanary> canaries);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_AUDIT_ONE_RUN_BOUND_H_
