#include "client/agent/share.h"

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "client/agent/agent_examples.h"
#include "client/example_dataset.h"
#include "client/example_store.h"
#include "client/file_state.h"
#include "client/transport/device_client.h"
#include "learning/data/data_source.h"

namespace shoal::client {

absl::StatusOr<std::unique_ptr<learning::Dataset>> LoadShare(
    const configuration::AgentConfig& config) {
  SHOAL_ASSIGN_OR_RETURN(
      const auto federated,
      learning::FederatedData::Open(*config.data, config.partition,
                                    config.share.devices, config.seed));
  return federated->LoadDevice(config.share.index);
}

namespace {

// All that the agent would train on.
absl::StatusOr<std::shared_ptr<const learning::Dataset>> LoadExamples(
    const configuration::AgentConfig& config) {
  if (!config.examples.has_value()) return LoadShare(config);
  SHOAL_ASSIGN_OR_RETURN(const auto lock, FolderLock::Take(config.state));
  const RealClock clock;
  SHOAL_ASSIGN_OR_RETURN(
      const auto store,
      ExampleStore::Open(ExamplesFrom(*config.examples).store,
                         ExamplesFolder(config.state), clock));
  return store->Snapshot();
}

}  // namespace

absl::StatusOr<std::string> WriteStatistics(
    const configuration::AgentConfig& config, const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(const auto data, LoadExamples(config));
  SHOAL_ASSIGN_OR_RETURN(const std::string statistics, EncodeStatistics(*data));
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(path, statistics));
  return absl::StrCat("statistics of ", data->num_features(), " features over ",
                      data->num_examples(), " examples are in ", path);
}

}  // namespace shoal::client
