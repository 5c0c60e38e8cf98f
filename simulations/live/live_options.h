// What `shoal-sim live` runs: a scenario file or the built-in one, changed by
// the command line.
#ifndef SHOAL_SIMULATIONS_LIVE_LIVE_OPTIONS_H_
#define SHOAL_SIMULATIONS_LIVE_LIVE_OPTIONS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "configuration/programs.h"
#include "learning/data/data_source.h"

namespace shoal::simulations {

// The command line; what is absent comes from the scenario.
struct LiveOptions {
  std::string scenario = {};             // file; "": the built-in one
  std::optional<std::string> data = {};  // as ParseDataSource takes it
  std::string label = {};                // columns of a csv
  std::string device = {};
  std::optional<std::string> algorithm = {};  // "fedavg" or "fedprox"
  std::optional<double> mu = {};              // of fedprox
  std::optional<int64_t> rounds = {};
  std::optional<int> devices = {};
  std::optional<std::string> partition = {};  // "iid", "dirichlet", "natural"
  std::optional<double> alpha = {};           // of dirichlet
  std::optional<uint64_t> seed = {};
  std::string out = {};  // folder for the results; "": see RunFolder
  bool json = false;     // the summary as JSON on standard output
};

// Every device is a process of its own.
inline constexpr int kMaxDevices = 1000;

// The built-in scenario, as text: simulations/scenarios/demo.yaml.
absl::string_view DemoScenario();

// The scenario that the options ask for, checked. With another number of
// devices the round's cohort and min_reports keep their share of it. Paths
// become absolute. INVALID_ARGUMENT names the option or the place in the file.
absl::StatusOr<configuration::Scenario> ResolveScenario(
    const LiveOptions& options);

// Makes the model fit the data when they were replaced (`replaced`); otherwise
// INVALID_ARGUMENT when it does not fit.
absl::Status FitModel(const learning::DataShape& shape, bool replaced,
                      configuration::Scenario& scenario);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LIVE_LIVE_OPTIONS_H_
