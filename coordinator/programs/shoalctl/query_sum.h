// What the verbs of `shoalctl analytics` share: the sum of devices' answers to
// a query, from its task's file and the model that the round committed.
#ifndef SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_QUERY_SUM_H_
#define SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_QUERY_SUM_H_

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "privacy/analytics/noisy_sum.h"

namespace shoal::shoalctl {

struct QueryFiles {
  std::string task_file;
  std::string model_file;
  // Of devices that added the noise; absent: as many as the cohort needs.
  std::optional<int> num_groups;
};

// FILE, --model and --groups.
void AddQueryFiles(CLI::App& verb, QueryFiles& files);

// With a bound on the noise: as if nobody had left. INVALID_ARGUMENT, in words,
// for a task that is no query, or a model of another task.
absl::StatusOr<analytics::NoisySum> SumIn(const QueryFiles& files);

}  // namespace shoal::shoalctl

#endif  // SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_QUERY_SUM_H_
