// The agent: sessions, one after the other, for as long as it is let.
#ifndef SHOAL_CLIENT_AGENT_AGENT_H_
#define SHOAL_CLIENT_AGENT_AGENT_H_

#include <cstdint>
#include <memory>
#include <optional>

#include "absl/status/status.h"
#include "base/logging.h"
#include "base/mutex.h"
#include "client/agent/agent_status.h"
#include "client/agent/session_log.h"
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

// Thread-safe.
class Agent {
 public:
  // `log` must outlive the agent.
  Agent(AgentOptions options, Logger& log);

  // Loads the device's share of the data, then runs sessions until Stop() or
  // the last one. The exit code tells how the last session went.
  protocol::ExitCode Run() SHOAL_EXCLUDES(mutex_);

  // From another thread: ends Run() within a second. False when the data are
  // still being loaded, which cannot be interrupted; nothing has been done
  // then that needs an end.
  bool Stop() SHOAL_EXCLUDES(mutex_);

 private:
  absl::Status Prepare() SHOAL_EXCLUDES(mutex_);
  protocol::ExitCode RunSessions() SHOAL_EXCLUDES(mutex_);
  // Runs one session and keeps its report in the status.
  protocol::ExitCode RunSession() SHOAL_EXCLUDES(mutex_);
  // False when it is time to end.
  bool Wait(absl::Duration delay) SHOAL_EXCLUDES(mutex_);

  const AgentOptions options_;
  Logger& log_;
  SessionLog session_log_;    // of the thread in Run()
  AgentStatus status_;        // of the thread in Run()
  absl::Duration next_wait_;  // of the thread in Run()

  Mutex mutex_;
  CondVar changed_;
  bool stopping_ SHOAL_GUARDED_BY(mutex_) = false;
  bool finished_ SHOAL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<Client> client_ SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_AGENT_H_
