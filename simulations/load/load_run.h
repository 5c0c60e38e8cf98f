// `shoal-sim run SCENARIO --live HOST:PORT`: a scenario's devices put a load on
// a real coordinator, in real time.
#ifndef SHOAL_SIMULATIONS_LOAD_LOAD_RUN_H_
#define SHOAL_SIMULATIONS_LOAD_LOAD_RUN_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "simulations/load/load_summary.h"
#include "simulations/results/progress.h"
#include "simulations/run/run_scenario.h"

namespace shoal::simulations {

// Without --connections. The coordinator takes 64 calls at a time on each.
inline constexpr int kDefaultConnections = 8;

struct LoadOptions {
  RunOptions run;
  std::string coordinator;  // HOST:PORT
  int connections = kDefaultConnections;
};

struct LoadEnvironment {
  ProgressDisplay& display;
  std::function<bool()> interrupted;
};

// Creates the scenario's task on the coordinator, or goes on with the same one,
// until it is completed, or the run is interrupted, an operator stops the task
// or the scenario's time limit is over; a coordinator that goes away is waited
// for. Writes load.json and scenario.yaml where a folder was asked for. Errors:
// as ScenarioFor and of the data; INVALID_ARGUMENT for what only virtual time
// has, and for another task of the same name; FAILED_PRECONDITION for a task
// that is over, and for a coordinator with TLS; UNAVAILABLE when it cannot be
// reached at the beginning.
absl::StatusOr<LoadSummary> RunLoad(const LoadOptions& options,
                                    const LoadEnvironment& environment);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LOAD_LOAD_RUN_H_
