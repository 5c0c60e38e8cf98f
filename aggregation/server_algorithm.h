// The coordinator's half of the algorithms: from the mean update of a round to
// the next version of the model.
#ifndef SHOAL_AGGREGATION_SERVER_ALGORITHM_H_
#define SHOAL_AGGREGATION_SERVER_ALGORITHM_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "configuration/task.h"

namespace shoal::aggregation {

// What a round has brought.
struct RoundMean {
  // [num_vectors x num_parameters] with the algorithm's traits
  // (learning/local_algorithm.h): the weighted mean of the updates.
  absl::Span<const double> update;
  int64_t num_updates = 0;  // >= 1
};

// One object per task; thread-compatible. The same inputs give the same bits on
// every machine.
class ServerAlgorithm {
 public:
  virtual ~ServerAlgorithm() = default;

  // Moves a version of the model, `parameters` ([num_parameters]) and the
  // `control` that goes with it (as many values, or none), on by a round.
  // OUT_OF_RANGE, with nothing changed, when a value would become non-finite.
  virtual absl::Status Step(const RoundMean& mean, absl::Span<float> parameters,
                            absl::Span<float> control) = 0;

  // State that must survive a restart, besides the version: versioned bytes.
  virtual std::string Serialize() const = 0;
  // "" restores the initial state. DATA_LOSS, with nothing changed, when
  // malformed or of other options.
  virtual absl::Status Restore(absl::string_view state) = 0;
};

// That of the task's algorithm. REQUIRES: num_parameters >= 1; what
// configuration::CheckServerHalf checks.
std::unique_ptr<ServerAlgorithm> MakeServerAlgorithm(
    const configuration::Task& task, int64_t num_parameters);

}  // namespace shoal::aggregation

#endif  // SHOAL_AGGREGATION_SERVER_ALGORITHM_H_
