// Moves a model along the mean updates of its rounds, and keeps what its rule
// remembers between them.
#ifndef SHOAL_AGGREGATION_SERVER_OPTIMIZER_H_
#define SHOAL_AGGREGATION_SERVER_OPTIMIZER_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "aggregation/server_rule.h"

namespace shoal::aggregation {

// One object per task; thread-compatible.
class ServerOptimizer {
 public:
  // REQUIRES: num_parameters >= 1.
  ServerOptimizer(std::unique_ptr<ServerRule> rule, int64_t num_parameters);

  // Moves `model` ([num_parameters]) by one step along `mean_update`.
  // OUT_OF_RANGE, with nothing changed, when a value would become non-finite.
  absl::Status Step(absl::Span<const double> mean_update,
                    absl::Span<float> model);

  // State that must survive a restart: versioned bytes.
  std::string Serialize() const;
  // "" restores the initial state. DATA_LOSS, with nothing changed, when
  // malformed or of another rule.
  absl::Status Restore(absl::string_view state);

 private:
  using State = std::vector<double>;  // [vectors x num_parameters]

  State Initial() const;
  // The vectors of a state.
  std::vector<absl::Span<double>> VectorsOf(State& state) const;

  const std::unique_ptr<ServerRule> rule_;
  const int64_t num_parameters_;
  State state_;
};

}  // namespace shoal::aggregation

#endif  // SHOAL_AGGREGATION_SERVER_OPTIMIZER_H_
