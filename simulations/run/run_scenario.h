// `shoal-sim run`: a scenario in virtual time, from its file to its results.
#ifndef SHOAL_SIMULATIONS_RUN_RUN_SCENARIO_H_
#define SHOAL_SIMULATIONS_RUN_RUN_SCENARIO_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "configuration/programs.h"
#include "learning/batch.h"
#include "learning/data/data_source.h"
#include "simulations/counted_groups.h"
#include "simulations/crew.h"
#include "simulations/federation.h"
#include "simulations/results/measure.h"
#include "simulations/results/progress.h"
#include "simulations/run/baselines.h"

namespace shoal::simulations {

// The command line.
struct RunOptions {
  std::string scenario;  // a file, or the name of a built-in one
  std::vector<std::string> settings = {};  // PATH=VALUE
  std::optional<uint64_t> seed = {};
  int threads = 0;       // 0: one per core
  std::string out = {};  // folder for the results; "": a temporary one
  // Go on with the run in `out`, whose scenario is `scenario`.
  bool resume = false;
  bool json = false;
};

struct RunEnvironment {
  ProgressDisplay& display;
  std::function<bool()> interrupted;
  // Of which this process is one; may be null. Its first process alone writes
  // results, and is asked whether it was interrupted.
  Crew* crew = nullptr;
};

// A line of rounds.csv, and a point of the curves.
struct RoundLine {
  int64_t id = 0;     // of this attempt at a round
  int64_t round = 0;  // version of the model that it made or was to make
  bool committed = false;
  double virtual_seconds = 0;
  std::optional<double> train_loss;
  std::optional<learning::Score> test;
  std::optional<learning::Score> fleet;  // on all training examples
  std::optional<double> epsilon;         // spent by then
  int assigned = 0;
  int reported = 0;
  // How the sessions of its devices ended, at whatever time.
  RoundOutcomes outcomes;
  // Since the line before.
  int64_t bytes_down = 0;
  int64_t bytes_up = 0;
  double joules = 0;
  int64_t stayed_away = 0;  // as in FleetTotals
};

// Of a task that asks for secure aggregation.
struct GroupsSummary {
  bool skipped_crypto = false;  // no keys, no masks: simulated
  GroupCounts counts;
};

// What differential privacy has cost; the noise is from a seeded generator.
struct PrivacySummary {
  configuration::DifferentialPrivacy options;
  coordinator::PrivacyReport report;
};

struct RunSummary {
  std::string name;  // of the task
  std::string model;
  std::string algorithm;
  Measure measure = Measure::kAccuracy;
  // Private layers, if any, at their initial values; and with those of each
  // device that was scored, in `measure`.
  learning::Score final_test;
  int64_t private_parameters = 0;  // of the model
  std::vector<double> personal;
  int64_t rounds_completed = 0;
  int64_t rounds_failed = 0;
  std::string ended_early;  // why; "": all rounds were completed
  double wall_seconds = 0;
  double samples_per_second = 0;  // of counted updates
  int64_t peak_resident_bytes = 0;
  double virtual_seconds = 0;
  int64_t bytes_up = 0;
  int64_t bytes_down = 0;
  double joules = 0;
  std::optional<GroupsSummary> groups;
  std::optional<PrivacySummary> privacy;
  uint64_t seed = 0;
  int64_t devices = 0;
  int64_t devices_seen = 0;     // that had a session
  double training_seconds = 0;  // of all threads
  double longest_trainings_seconds = 0;
  // The baselines, where they were asked for: by device, on the held-out
  // examples; and all examples in one place.
  std::vector<double> local_only;  // in `measure`
  std::vector<double> local_only_losses;
  std::vector<CentralPoint> central;
  std::string version;
  std::string folder;
  bool kept_for_good = true;
  std::string model_path;
  std::string onnx_path;
  std::string report_path;
};

// The scenario that the options ask for, checked, with absolute paths.
// INVALID_ARGUMENT names the option or the place in the file; NOT_FOUND.
absl::StatusOr<configuration::Scenario> ScenarioFor(const RunOptions& options);

// The files and folders that the scenario names, in a fixed order.
std::vector<std::string> FilesOf(configuration::Scenario scenario);
// Its data. NOT_FOUND of a built-in scenario whose data the user must give says
// how. Else errors of FederatedData::Open.
absl::StatusOr<std::unique_ptr<learning::FederatedData>> OpenData(
    const RunOptions& options, const configuration::Scenario& scenario);

// Of a crew all return together, the first one with the summary. Errors that
// one meets before the others train are returned by all; later ones end the
// crew. Errors: as ScenarioFor; of the data; CANCELLED when interrupted;
// DEADLINE_EXCEEDED at the scenario's time limit. At that limit, over data that
// cannot be read and for a task that ends early the results are written before
// it returns (over data not by a crew): only what was interrupted goes on.
absl::StatusOr<RunSummary> RunScenario(const RunOptions& options,
                                       const RunEnvironment& environment);

std::string RunSummaryJson(const RunSummary& summary);
std::string RunSummaryText(const RunSummary& summary);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_RUN_RUN_SCENARIO_H_
