// Exact samplers, one value at a time: integers and coin flips alone, no
// floating point. Canonne, Kamath, Steinke, "The Discrete Gaussian for
// Differential Privacy", NeurIPS 2020, algorithms 1 to 3.
//
// Their time depends on what they draw: how often a coin is flipped tells how
// large a value may be. Where somebody could measure single draws, draw all
// that a round needs at once.
#ifndef SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_EXACT_SAMPLERS_H_
#define SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_EXACT_SAMPLERS_H_

#include <cstdint>

#include "absl/numeric/int128.h"
#include "privacy/differential_privacy/random_words.h"

namespace shoal::privacy {

struct Ratio {
  uint64_t numerator = 0;
  uint64_t denominator = 1;
};

// True with probability exp(-numerator / denominator).
// REQUIRES: 0 < denominator < 2^96, numerator < 2^120.
bool BernoulliExp(absl::uint128 numerator, absl::uint128 denominator,
                  RandomWords& words);

// P(k) = (1 - 1/e) e^-k for k >= 0.
uint64_t GeometricExp(RandomWords& words);

// P(k) ~ exp(-|k| / scale). REQUIRES: both parts of scale in [1, 2^32).
int64_t DiscreteLaplace(const Ratio& scale, RandomWords& words);

// P(k) ~ exp(-k^2 / (2 variance)), where |k| above 2^16 (floor(sigma) + 1),
// of a probability below exp(-2^31), is drawn again.
// REQUIRES: both parts of variance in [1, 2^32).
int64_t DiscreteGaussian(const Ratio& variance, RandomWords& words);

// The true value in [0, num_values) with probability 1 - noise, otherwise a
// uniform one, which may be the true one. Kairouz, Oh, Viswanath, "Extremal
// Mechanisms for Local Differential Privacy", JMLR 2016.
// REQUIRES: value < num_values, noise of at most 1.
uint64_t RandomisedResponse(uint64_t value, uint64_t num_values,
                            const Ratio& noise, RandomWords& words);

}  // namespace shoal::privacy

#endif  // SHOAL_PRIVACY_DIFFERENTIAL_PRIVACY_EXACT_SAMPLERS_H_
