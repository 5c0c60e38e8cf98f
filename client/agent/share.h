// The examples of the device that an agent plays.
#ifndef SHOAL_CLIENT_AGENT_SHARE_H_
#define SHOAL_CLIENT_AGENT_SHARE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "configuration/programs.h"
#include "learning/dataset.h"

namespace shoal::client {

// Those of `data`, which the file must have. Errors as FederatedData has them.
absl::StatusOr<std::unique_ptr<learning::Dataset>> LoadShare(
    const configuration::AgentConfig& config);

// Writes the statistics of their features (docs/reference/formats.md) to `path`
// and returns a sentence about them. With `examples` they are the store's,
// whose agent must not run: FAILED_PRECONDITION. Errors as LoadShare, as
// ExampleStore::Open, or of the file; INVALID_ARGUMENT when there are no
// examples.
absl::StatusOr<std::string> WriteStatistics(
    const configuration::AgentConfig& config, const std::string& path);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_SHARE_H_
