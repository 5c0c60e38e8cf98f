// What the device's owner tells the agent's folder: opt out, opt in, forget.
#ifndef SHOAL_CLIENT_AGENT_OWNERS_SAY_H_
#define SHOAL_CLIENT_AGENT_OWNERS_SAY_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "client/failpoints.h"
#include "configuration/programs.h"

namespace shoal::client {

// Says in a sentence, or as one JSON object, how the device stands then. Errors
// as SetParticipation; wrong inputs are INVALID_ARGUMENT.
absl::StatusOr<std::string> SayParticipation(
    const configuration::AgentConfig& config, bool takes_part, bool json);

// What is about to be deleted, for whoever has to agree.
std::string ForgetWarning(const configuration::AgentConfig& config);

// How an operator may do what the coordinator is not asked for, because its
// owner says so or the device cannot prove who asks; empty where there is no
// such part. Before SayForget: afterwards nobody knows the device's id.
std::string ForgetNotice(const configuration::AgentConfig& config,
                         bool without_coordinator);

// How a forgetting went.
struct ForgetAnswer {
  absl::Status status;  // as that of Forget
  std::string text;     // for standard output; empty for people with an error
};
ForgetAnswer SayForget(const configuration::AgentConfig& config,
                       bool without_coordinator, bool json,
                       const Failpoints& failpoints);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_OWNERS_SAY_H_
