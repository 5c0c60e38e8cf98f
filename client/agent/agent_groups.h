// The section `secure_aggregation` of the agent's file.
#ifndef SHOAL_CLIENT_AGENT_AGENT_GROUPS_H_
#define SHOAL_CLIENT_AGENT_AGENT_GROUPS_H_

#include "absl/status/statusor.h"
#include "client/include/shoal/client.h"
#include "protocol/schema/message.h"

namespace shoal::client {

// Reads the file that it names. NOT_FOUND and INVALID_ARGUMENT, with the path,
// when that is missing or no certificate.
// REQUIRES: an AgentGroups whose rules have been checked.
absl::StatusOr<AggregationDemands> DemandsFrom(
    const protocol::schema::Message& groups);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_AGENT_GROUPS_H_
