// The agent: sessions, one after the other, for as long as it is let.
#ifndef SHOAL_CLIENT_AGENT_AGENT_H_
#define SHOAL_CLIENT_AGENT_AGENT_H_

#include <poll.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/logging.h"
#include "client/agent/agent_status.h"
#include "client/agent/example_intake.h"
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

  // Loads the device's share of the data, or opens its example store; then runs
  // sessions until a signal or the last one, and takes in examples and answers
  // between their pieces. A signal ends the running session within a second,
  // unless a mini-batch takes longer. The exit code tells how the last session
  // went.
  //
  // Once the device is being forgotten no session runs any more: the agent asks
  // the coordinator, with back-off, until it has confirmed, and ends then.
  protocol::ExitCode Run();

 private:
  absl::Status Prepare();
  // Where the client's examples come from.
  absl::Status OpenExamples(DeviceClientParts& parts);
  protocol::ExitCode RunSessions();
  protocol::ExitCode RunForgetting();
  // One attempt.
  absl::Status Forget();
  bool IsForgetting() const;
  // Whether one has come, up to `wait` from now.
  bool AwaitSignal(absl::Duration wait);
  // Does one piece of a session's work, if it is time.
  void Tick();
  // Waits until something comes or is due, and serves it; whether it was a
  // signal.
  bool Await();
  absl::Duration UntilNextWork() const;
  // Tells of examples that have come, not too often; the first ones bring the
  // next session forward.
  void NoteExamples();
  void WriteStatus();
  // Keeps a session's report in the status.
  void OnSessionOver(const absl::StatusOr<SessionReport>& report);
  bool IsLastSession() const;

  const AgentOptions options_;
  StopSignals& signals_;
  Logger& log_;
  SessionLog session_log_;
  AgentStatus status_;
  int64_t sessions_ = 0;                         // of this process
  protocol::ExitCode code_ = protocol::kExitOk;  // of the last session
  bool is_forgotten_ = false;                    // or about to be
  const RealClock clock_;
  std::unique_ptr<ExampleIntake> intake_;  // null: the data are files
  std::unique_ptr<Client> client_;         // uses the intake's store

  std::vector<pollfd> polled_;  // of Await; kept for its memory

  bool store_was_empty_ = false;  // when it was looked at last

  // On the monotonic clock.
  absl::Duration next_tick_;
  absl::Duration status_due_ = absl::InfiniteDuration();
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_AGENT_H_
