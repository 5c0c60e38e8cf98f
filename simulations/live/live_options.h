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
  bool mixed = false;                    // the built-in one of mixed devices
  std::optional<std::string> data = {};  // as ParseDataSource takes it
  std::string label = {};                // columns of a csv
  std::string target = {};
  std::string device = {};
  std::optional<std::string> algorithm = {};  // "fedavg", "fedprox", "fednova"
  std::optional<double> mu = {};              // of fedprox
  std::optional<int64_t> rounds = {};
  std::optional<int> devices = {};
  std::optional<std::string> partition = {};  // "iid", "dirichlet", "natural"
  std::optional<double> alpha = {};           // of dirichlet
  std::optional<uint64_t> seed = {};
  bool no_secure_aggregation = false;
  std::string out = {};  // folder for the results; "": see RunFolder
  bool json = false;     // the summary as JSON on standard output
};

// Every device is a process of its own.
inline constexpr int kMaxDevices = 1000;

// The scenario that the options ask for, checked; without a file the built-in
// one for their data. With another number of devices the round's cohort and
// min_reports keep their share of it, and groups of secure aggregation are no
// larger than the rounds. Paths become absolute. INVALID_ARGUMENT
// names the option or the place in the file.
absl::StatusOr<configuration::Scenario> ResolveScenario(
    const LiveOptions& options);

// For data that replace the scenario's own: gives the model as many inputs and
// outputs as they have, and lets it standardise the columns of a table (which
// come in any unit) and impute what is missing there. Whether the kind of model
// suits the data is for learning::CheckFit to tell.
void AdaptModel(const learning::DataShape& shape,
                configuration::Scenario& scenario);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LIVE_LIVE_OPTIONS_H_
