// The comparison that federated learning has to win: every device trains
// alone, on its own examples.
#ifndef SHOAL_SIMULATIONS_LIVE_LOCAL_ONLY_H_
#define SHOAL_SIMULATIONS_LIVE_LOCAL_ONLY_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "configuration/task.h"
#include "learning/batch.h"
#include "learning/data/data_source.h"
#include "learning/dataset.h"

namespace shoal::simulations {

struct LocalOnlyOptions {
  int num_threads = 1;  // >= 1
  uint64_t seed = 0;    // orders the examples
  // Called after each device, from any thread, never from two at once.
  std::function<void(int done)> on_device = {};
  // Asked before every mini-batch, from any thread; no ends with CANCELLED.
  std::function<bool()> keep_going = {};
};

struct DeviceScores {
  // Own model on the held-out data, by device.
  std::vector<learning::Score> alone;
  // Federated model on own data, by device.
  std::vector<learning::Score> federated;
};

// Trains every device from `initial` for as many epochs as the whole task
// takes (rounds x epochs) by plain SGD with the task's training options, and
// evaluates; scores `federated` on every device's examples. Errors as
// ComputeLocalUpdate and FederatedData have them, with the device's index.
absl::StatusOr<DeviceScores> ScoreDevices(const configuration::Task& task,
                                          absl::Span<const float> initial,
                                          absl::Span<const float> federated,
                                          const learning::FederatedData& data,
                                          const learning::Dataset& test,
                                          const LocalOnlyOptions& options);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LIVE_LOCAL_ONLY_H_
