// Version 0 of the model of a simulated task.
#ifndef SHOAL_SIMULATIONS_INITIAL_MODEL_H_
#define SHOAL_SIMULATIONS_INITIAL_MODEL_H_

#include <string>

#include "absl/status/statusor.h"
#include "configuration/task.h"
#include "simulations/population.h"

namespace shoal::simulations {

// Serialised: from the task's seed, and for a model that standardises or
// imputes with the statistics of all devices' features. Errors of the
// population.
absl::StatusOr<std::string> InitialModelOf(const configuration::Task& task,
                                           const Population& population);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_INITIAL_MODEL_H_
