// The agent: sessions, one after the other, for as long as it is let.
#ifndef SHOAL_CLIENT_AGENT_AGENT_H_
#define SHOAL_CLIENT_AGENT_AGENT_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/logging.h"
#include "client/agent/agent_status.h"
#include "client/agent/session_log.h"
#include "client/agent/stop_signals.h"
#include "client/failpoints.h"
#include "client/include/shoal/client.h"
#include "client/transport/device_client.h"
#include "client/transport/lean_transport.h"
#include "configuration/programs.h"
#include "protocol/exit_code.h"

namespace shoal::client {

struct AgentOptions {
  configuration::AgentConfig config;
  std::optional<int64_t> max_sessions;  // absent: until it is stopped
  Failpoints failpoints;
  TransportMaker make_transport = MakeLeanTransport;
};

// One thread, and no other.
class Agent {
 public:
  // `signals` and `log` must outlive the agent.
  Agent(AgentOptions options, StopSignals& signals, Logger& log);

  // Loads the device's share of the data, then runs sessions until a signal or
  // the last one. A signal ends the running session within a second, unless a
  // mini-batch takes longer. The exit code tells how the last session went.
  protocol::ExitCode Run();

 private:
  absl::Status Prepare();
  protocol::ExitCode RunSessions();
  // Does one piece of work; returns when the next one is due.
  absl::Duration Tick();
  // Keeps a session's report in the status.
  void OnSessionOver(const absl::StatusOr<SessionReport>& report);
  bool IsLastSession() const;

  const AgentOptions options_;
  StopSignals& signals_;
  Logger& log_;
  SessionLog session_log_;
  AgentStatus status_;
  protocol::ExitCode code_ = protocol::kExitOk;  // of the last session
  std::unique_ptr<Client> client_;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_AGENT_H_
