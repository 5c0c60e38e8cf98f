// A whole federation in one process and one thread: the coordinator's engine
// over a store in memory, and devices that run the deployed device session.
// Only transport, clock and data are simulated.
#ifndef SHOAL_SIMULATIONS_FEDERATION_H_
#define SHOAL_SIMULATIONS_FEDERATION_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/logging.h"
#include "configuration/task.h"
#include "coordinator/engine/rows.h"
#include "learning/dataset.h"
#include "learning/model.h"

namespace shoal::simulations {

struct FederationOptions {
  configuration::Task task;
  // The examples of device 0, 1, …; must outlive the run.
  std::vector<const learning::Dataset*> devices;
  // What training may use on device 0, 1, … in bytes, 0: not limited; empty:
  // on none.
  std::vector<int64_t> memory_bytes = {};
  // Seeds the devices' training, as the agents' `seed` does.
  uint64_t seed = 0;
  // Simulated time after which a task that is not complete is given up.
  absl::Duration time_limit = absl::Hours(24 * 365);
  Logger* log = nullptr;  // may be null; must outlive the run
};

struct FederationResult {
  // All versions of the model, the initial one first.
  std::vector<coordinator::ModelRow> models;
  std::string final_model;  // serialised
  int64_t rounds_failed = 0;
  int64_t bytes_up = 0;    // updates, of all devices
  int64_t bytes_down = 0;  // models, of all devices
  absl::Duration simulated_time;
};

// Runs the task to its end. A model that standardises or imputes starts with
// the statistics of all devices' features. Deterministic: the same options lead
// to the same bytes. INVALID_ARGUMENT when there are no devices or the task
// cannot be created; DEADLINE_EXCEEDED at the time limit, with the newest
// round's state.
absl::StatusOr<FederationResult> RunFederation(
    const FederationOptions& options);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_FEDERATION_H_
