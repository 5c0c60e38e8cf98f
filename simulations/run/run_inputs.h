// What a run works with: its scenario, and all that the scenario names, read
// and checked before anything is made of it.
#ifndef SHOAL_SIMULATIONS_RUN_RUN_INPUTS_H_
#define SHOAL_SIMULATIONS_RUN_RUN_INPUTS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "configuration/programs.h"
#include "learning/data/data_source.h"
#include "learning/dataset.h"
#include "learning/model.h"
#include "simulations/federation.h"
#include "simulations/run/run_scenario.h"
#include "simulations/run/scenario_population.h"

namespace shoal::simulations {

struct RunInputs {
  configuration::Scenario scenario;
  std::unique_ptr<learning::FederatedData> data;
  std::unique_ptr<ScenarioPopulation> population;
  std::unique_ptr<learning::Dataset> test;
  std::unique_ptr<learning::Model> model;
  // As in FederationOptions.
  std::string initial_model;
  std::vector<std::vector<int64_t>> schedule;
};

// Where it stays, because its parts refer to each other. Errors: as
// ScenarioFor; of files that the scenario names; INVALID_ARGUMENT when its
// parts do not fit together.
absl::StatusOr<std::unique_ptr<RunInputs>> ReadInputs(
    const RunOptions& options);

// Whether keys and masks of secure aggregation are left out.
bool SkipsCrypto(const configuration::Scenario& scenario);

// What the scenario asks of its federation. Takes the initial model and the
// schedule out of the inputs, which must outlive the run.
FederationOptions FederationOptionsOf(RunInputs& inputs, int num_threads);

// Tells the run from all others: by the scenario, the bytes of all files that
// it names, and what may round otherwise: this program and the processor's
// kernels. Errors of the files.
absl::StatusOr<std::string> FingerprintOf(
    const configuration::Scenario& scenario);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_RUN_RUN_INPUTS_H_
