// The section `examples` of the agent's file.
#ifndef SHOAL_CLIENT_AGENT_AGENT_EXAMPLES_H_
#define SHOAL_CLIENT_AGENT_AGENT_EXAMPLES_H_

#include <cstdint>
#include <string>

#include "client/include/shoal/client.h"
#include "protocol/schema/message.h"

namespace shoal::client {

struct AgentExamples {
  ExampleStoreOptions store;
  std::string folder;           // empty: none is watched
  std::string socket;           // empty: none
  uint32_t socket_mode = 0600;  // as for chmod
};

// REQUIRES: an AgentExamples whose rules have been checked.
AgentExamples ExamplesFrom(const protocol::schema::Message& examples);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_AGENT_EXAMPLES_H_
