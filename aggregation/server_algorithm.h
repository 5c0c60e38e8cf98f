// The coordinator's half of the algorithms: from a round's sum to the next
// model.
//
// FedAvg and FedProx share it: w <- w + lr v, v <- momentum v + mean update,
// with the weighted mean of McMahan et al., AISTATS 2017, algorithm 1, and the
// server momentum of Hsu, Qi, Brown, "Measuring the Effects of Non-Identical
// Data Distribution", 2019, section 3.3 (momentum 0: plain FedAvg).
#ifndef SHOAL_AGGREGATION_SERVER_ALGORITHM_H_
#define SHOAL_AGGREGATION_SERVER_ALGORITHM_H_

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "configuration/task.h"
#include "learning/parameters.h"

namespace shoal::aggregation {

// One object per task; thread-compatible. Compiled without contraction, so
// that the same inputs give the same bits on every machine.
class ServerAlgorithm {
 public:
  static std::unique_ptr<ServerAlgorithm> Create(
      const configuration::ServerOptimizerOptions& options,
      int64_t num_parameters);
  virtual ~ServerAlgorithm() = default;

  // Moves `model` ([num_parameters]) by one step along `mean_update`.
  // OUT_OF_RANGE, with nothing changed, when a value would become non-finite.
  virtual absl::Status Step(absl::Span<const double> mean_update,
                            absl::Span<float> model) = 0;

  // State that must survive a restart: versioned bytes.
  virtual std::string Serialize() const = 0;
  // "" restores the initial state. DATA_LOSS when malformed.
  virtual absl::Status Restore(absl::string_view state) = 0;
};

}  // namespace shoal::aggregation

#endif  // SHOAL_AGGREGATION_SERVER_ALGORITHM_H_
