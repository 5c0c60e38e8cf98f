#include "simulations/audit/canary_scores.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <variant>

#include "base/check.h"
#include "privacy/accounting/gaussian_mechanism.h"

namespace shoal::simulations {
namespace {

double CosineOf(double along, double length) {
  return length > 0 ? along / length : 0;
}

struct Spread {
  double count = 0;
  double mean = 0;
  double squares = 0;  // of the deviations from it
};

Spread SpreadOf(absl::Span<const ScoredCanary> canaries, bool is_in) {
  Spread spread;
  for (const ScoredCanary& canary : canaries) {
    if (canary.is_in != is_in) continue;
    ++spread.count;
    const double deviation = canary.score - spread.mean;
    spread.mean += deviation / spread.count;
    spread.squares += deviation * (canary.score - spread.mean);
  }
  return spread;
}

// [rounds]: row by row of the Toeplitz matrix.
double RowTimes(absl::Span<const double> column,
                absl::Span<const double> values, size_t row) {
  double sum = 0;
  for (size_t j = 0; j < std::min(row + 1, column.size()); ++j) {
    sum += column[j] * values[row - j];
  }
  return sum;
}

}  // namespace

double FinalModelScore(const CanarySeen& canary, const ModelMoves& moves) {
  return CosineOf(
      std::accumulate(canary.along.begin(), canary.along.end(), 0.0),
      moves.total_length);
}

double AllModelsScore(const CanarySeen& canary, const ModelMoves& moves) {
  SHOAL_CHECK(!canary.along.empty());
  double largest = -std::numeric_limits<double>::infinity();
  for (size_t round = 0; round < canary.along.size(); ++round) {
    largest =
        std::max(largest, CosineOf(canary.along[round], moves.lengths[round]));
  }
  return largest;
}

// aggregation/sgd_rule.h: v <- momentum v + D, and the move is rate v, or in
// Nesterov's form rate (D + momentum v). The rate is a factor.
std::vector<double> UndoServerOptimizer(
    absl::Span<const double> along,
    const configuration::ServerOptimizerOptions& optimizer) {
  std::vector<double> updates(along.begin(), along.end());
  const auto* const sgd =
      std::get_if<configuration::SgdServerOptions>(&optimizer);
  if (sgd == nullptr) return updates;
  const double momentum = sgd->momentum;
  double velocity = 0;
  for (double& value : updates) {
    const double update =
        sgd->nesterov
            ? (value - momentum * momentum * velocity) / (1 + momentum)
            : value - momentum * velocity;
    velocity = update + momentum * velocity;
    value = update;
  }
  return updates;
}

double ParticipationScore(const CanarySeen& canary,
                          absl::Span<const double> updates,
                          absl::Span<const double> column) {
  const std::vector<double> rounds(canary.took_part.begin(),
                                   canary.took_part.end());
  double score = 0;
  double norm_squared = 0;
  for (size_t row = 0; row < rounds.size(); ++row) {
    const double weight = RowTimes(column, rounds, row);
    if (weight == 0) continue;
    score += weight * RowTimes(column, updates, row);
    norm_squared += weight * weight;
  }
  SHOAL_CHECK(norm_squared > 0);
  return score / std::sqrt(norm_squared);
}

std::optional<double> EstimateEpsilon(absl::Span<const ScoredCanary> canaries,
                                      double delta) {
  const Spread in = SpreadOf(canaries, /*is_in=*/true);
  const Spread out = SpreadOf(canaries, /*is_in=*/false);
  if (in.count < 2 || out.count < 2) return std::nullopt;
  const double variance =
      (in.squares + out.squares) / (in.count + out.count - 2);
  const double distance = in.mean - out.mean;
  if (distance <= 0) return 0;
  const double noise_over_distance = std::sqrt(variance) / distance;
  if (noise_over_distance == 0) return std::numeric_limits<double>::infinity();
  return privacy::GaussianEpsilon(noise_over_distance, delta);
}

}  // namespace shoal::simulations
