// `shoal-sim partition`: how the data fall onto the devices.
#ifndef SHOAL_SIMULATIONS_RUN_PARTITION_PICTURE_H_
#define SHOAL_SIMULATIONS_RUN_PARTITION_PICTURE_H_

#include <string>

#include "absl/status/statusor.h"
#include "learning/data/partition_skew.h"
#include "simulations/run/run_scenario.h"

namespace shoal::simulations {

// Writes the picture to `path`, and returns the numbers. Errors as ScenarioFor,
// and of the data.
absl::StatusOr<learning::PartitionSkew> WritePartition(
    const RunOptions& options, const std::string& path);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_RUN_PARTITION_PICTURE_H_
