// How a server optimiser turns the mean update of a round into a step of the
// model: the part in which optimisers differ. ServerOptimizer keeps the state.
#ifndef SHOAL_AGGREGATION_SERVER_RULE_H_
#define SHOAL_AGGREGATION_SERVER_RULE_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/types/span.h"
#include "configuration/server_optimizer.h"

namespace shoal::aggregation {

// Immutable and thread-safe. Rules are compiled without contraction and work on
// one parameter after the other, so that the same inputs give the same bits on
// every machine.
class ServerRule {
 public:
  virtual ~ServerRule() = default;

  // Names the rule in stored bytes: never reuse a number.
  virtual uint32_t number() const = 0;

  // What its state vectors begin with, one value for each; empty: it has none.
  virtual std::vector<double> InitialState() const = 0;

  // Replaces the mean update, [num_parameters], by the step that is added to
  // the model, and every state vector, [num_parameters], by the next one.
  virtual void Compute(absl::Span<double> update,
                       absl::Span<const absl::Span<double>> state) const = 0;
};

// REQUIRES: options in the ranges that configuration/server_optimizer.h states.
std::unique_ptr<ServerRule> MakeServerRule(
    const configuration::ServerOptimizerOptions& options);

}  // namespace shoal::aggregation

#endif  // SHOAL_AGGREGATION_SERVER_RULE_H_
