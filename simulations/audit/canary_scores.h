// What who sees a run's models can tell of its canaries. Every canary has a
// direction of its own; who knows it looks how far models moved along it.
#ifndef SHOAL_SIMULATIONS_AUDIT_CANARY_SCORES_H_
#define SHOAL_SIMULATIONS_AUDIT_CANARY_SCORES_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/types/span.h"
#include "configuration/server_optimizer.h"
#include "simulations/audit/one_run_bound.h"

namespace shoal::simulations {

// How the models of a run moved. Of every committed round, in order.
struct ModelMoves {
  std::vector<double> lengths;  // [rounds], L2
  double total_length = 0;      // of the last model's change since the first
};

// One canary beside it.
struct CanarySeen {
  bool is_in = false;
  std::vector<double> along;    // [rounds]: the moves' parts in its direction
  std::vector<bool> took_part;  // [rounds]
};

// The cosine of its direction with the change from the first model to the last.
double FinalModelScore(const CanarySeen& canary, const ModelMoves& moves);

// The largest cosine of all rounds' changes. Both: Andrew, Kairouz, Oh, Oprea,
// McMahan, Suriyakumar, "One-shot Empirical Privacy Estimation for Federated
// Learning", ICLR 2024, algorithms 2 and 3.
double AllModelsScore(const CanarySeen& canary, const ModelMoves& moves);

// What went into the server optimiser, but for a factor, from what came out of
// it. Steps of SGD, with any momentum, are undone; those of other optimisers
// are not linear, and stay.
std::vector<double> UndoServerOptimizer(
    absl::Span<const double> along,
    const configuration::ServerOptimizerOptions& optimizer);

// Of who knows besides in which rounds it took part, and how noise is
// correlated: with noise C^-1 z on the updates x of rounds, y = C x + z is
// what one sees, and w = C (its rounds) what it adds to C x; the score is
// <w, y> / |w|, whose noise is as large for every canary. No other function of
// y tells more (Neyman and Pearson). `updates` as UndoServerOptimizer() has
// them; `column` is the first of the Toeplitz matrix C, {1} for fresh noise.
// REQUIRES: it took part at least once.
double ParticipationScore(const CanarySeen& canary,
                          absl::Span<const double> updates,
                          absl::Span<const double> column);

// Andrew et al.: scores of either kind as if they were normally distributed,
// and epsilon as if that were all that a Gaussian mechanism released. No bound:
// it may be below the truth or above. Absent for less than two of a kind.
//
// Deviation: one standard deviation for both kinds, since under noise that does
// not depend on who is in there is one; with two, the larger one's tail alone
// would decide.
std::optional<double> EstimateEpsilon(absl::Span<const ScoredCanary> canaries,
                                      double delta);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_AUDIT_CANARY_SCORES_H_
