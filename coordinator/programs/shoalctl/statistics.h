// What devices know about their features, for the model that a task starts
// from.
#ifndef SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_STATISTICS_H_
#define SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_STATISTICS_H_

#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "configuration/task.h"

namespace shoal::shoalctl {

// Merges the files, as `shoal-agent statistics` writes them, and returns the
// task's initial model with their means and deviations. Errors name the file
// that cannot be read, is damaged or is about other features than the first.
// REQUIRES: at least one file.
absl::StatusOr<std::string> InitialModelFrom(
    const std::vector<std::string>& files, const configuration::Task& task);

}  // namespace shoal::shoalctl

#endif  // SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_STATISTICS_H_
