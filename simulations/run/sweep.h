// `shoal-sim sweep` and `shoal-sim compare`: several runs, and one report.
#ifndef SHOAL_SIMULATIONS_RUN_SWEEP_H_
#define SHOAL_SIMULATIONS_RUN_SWEEP_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "simulations/report/report_data.h"
#include "simulations/run/run_scenario.h"

namespace shoal::simulations {

struct SweepOptions {
  RunOptions run;                 // `out` is required
  std::vector<std::string> grid;  // PATH=VALUE,VALUE,…
  int seeds = 1;                  // from the run's own on, >= 1
};

// The settings of every point of the grid, the last path changing fastest.
// Commas inside brackets, braces and quotes part no values. INVALID_ARGUMENT
// names the part that is not PATH=VALUE,….
absl::StatusOr<std::vector<std::vector<std::string>>> GridPoints(
    const std::vector<std::string>& grid);

// Runs every point of the grid with every seed, each in a folder of its own
// below run.out, and writes run.out/report.html. Points whose folder has a
// summary.json are done already: a sweep that was interrupted goes on. Returns
// the folders.
absl::StatusOr<std::vector<std::string>> RunSweep(
    const SweepOptions& options, const RunEnvironment& environment);

// After how many rounds the best accuracy so far has reached `target`, on the
// line between the round that reached it and the one scored before (as McMahan
// et al., AISTATS 2017, section 3, measure it); NaN where it has not.
double RoundsToAccuracy(const ReportRounds& rounds, double target);

// A line for every name: how many runs, and mean and deviation of what they
// have reached; with a target, of the rounds to it, too.
std::string ComparisonText(const std::vector<ReportRun>& runs,
                           std::optional<double> target = {});

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_RUN_SWEEP_H_
