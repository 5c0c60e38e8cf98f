// What people compare federated learning with.
#ifndef SHOAL_SIMULATIONS_RUN_BASELINES_H_
#define SHOAL_SIMULATIONS_RUN_BASELINES_H_

#include <cstdint>
#include <functional>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/thread_pool.h"
#include "configuration/task.h"
#include "learning/batch.h"
#include "learning/dataset.h"
#include "learning/model.h"
#include "simulations/population.h"

namespace shoal::simulations {

// After an epoch over all examples.
struct CentralPoint {
  // In how many rounds the devices process as many examples.
  double round = 0;
  learning::Score test;
};

struct CentralOptions {
  int64_t rounds = 0;             // committed, of the federated run
  double examples_per_round = 0;  // counted there, in the mean; > 0
  uint64_t seed = 0;
  // For all examples together.
  int64_t max_bytes = int64_t{8} << 30;
  // Called after each epoch.
  std::function<void(int64_t done, int64_t all)> on_epoch = {};
  std::function<bool()> keep_going = {};  // asked before every mini-batch
};

// All examples in one place: plain SGD with the task's training options from
// `initial` ([layout]), for as many epochs as the federated run has processed
// examples, at least one. RESOURCE_EXHAUSTED when the examples are more than
// max_bytes; CANCELLED; else as ComputeLocalUpdate.
absl::StatusOr<std::vector<CentralPoint>> TrainCentrally(
    const configuration::Task& task, const learning::Model& model,
    absl::Span<const float> initial, const Population& population,
    const learning::Dataset& test, ThreadPool& threads,
    const CentralOptions& options);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_RUN_BASELINES_H_
