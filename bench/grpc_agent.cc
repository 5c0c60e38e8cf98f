// grpc_agent CONFIG: what `shoal-agent run --config CONFIG` does, over grpc++.
// What script/footprint compares the agent with.
#include <cstdio>

#include "base/logging.h"
#include "client/agent/agent.h"
#include "client/transport/grpc_transport.h"
#include "configuration/programs.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: grpc_agent CONFIG\n");
    return 2;
  }
  absl::StatusOr<shoal::configuration::AgentConfig> config =
      shoal::configuration::LoadAgentConfig(argv[1]);
  if (!config.ok()) {
    std::fprintf(stderr, "%s\n", config.status().ToString().c_str());
    return 2;
  }
  shoal::client::StopSignals signals;
  shoal::StderrLogger log(config->log_level, config->log_json);
  shoal::client::AgentOptions options;
  options.config = *std::move(config);
  options.make_transport = shoal::client::MakeGrpcTransport;
  return shoal::client::Agent(std::move(options), signals, log).Run();
}
