// The section `limits` of the agent's file.
#ifndef SHOAL_CLIENT_AGENT_AGENT_LIMITS_H_
#define SHOAL_CLIENT_AGENT_AGENT_LIMITS_H_

#include "client/include/shoal/limits.h"
#include "protocol/schema/message.h"

namespace shoal::client {

// REQUIRES: an AgentEnergyCosts whose rules have been checked.
DeviceEnergyCosts DeviceEnergyFrom(const protocol::schema::Message& energy);

// REQUIRES: an AgentLimits whose rules have been checked.
DeviceLimits DeviceLimitsFrom(const protocol::schema::Message& limits);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_AGENT_LIMITS_H_
