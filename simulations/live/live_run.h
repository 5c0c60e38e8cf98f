// `shoal-sim live`: a federation of real processes on this machine, from the
// certificates to the summary.
#ifndef SHOAL_SIMULATIONS_LIVE_LIVE_RUN_H_
#define SHOAL_SIMULATIONS_LIVE_LIVE_RUN_H_

#include <functional>
#include <string>

#include "absl/status/statusor.h"
#include "simulations/live/live_options.h"
#include "simulations/live/summary.h"
#include "simulations/results/progress.h"

namespace shoal::simulations {

struct LiveEnvironment {
  ProgressDisplay& display;
  std::string program_folder;         // where shoald and shoal-agent lie
  std::function<bool()> interrupted;  // required; from any thread
};

// Runs the federation and writes summary.json, rounds.csv, scenario.yaml (what
// was run, with every setting) and models/ into the
// results folder. Blocks; to be called from a thread that lives as long as the
// process. Errors: INVALID_ARGUMENT for wrong options, scenario or data;
// CANCELLED when interrupted; otherwise what went wrong, with the tails of the
// logs. No process is left in any case.
absl::StatusOr<LiveSummary> RunLive(const LiveOptions& options,
                                    const LiveEnvironment& environment);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LIVE_LIVE_RUN_H_
