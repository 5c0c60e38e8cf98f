#include "client/agent/agent.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "client/agent/agent_limits.h"
#include "client/agent/share.h"
#include "client/session_run.h"

namespace shoal::client {
namespace {

using configuration::AgentConfig;
using protocol::ExitCode;

constexpr absl::Duration kStopInterval = absl::Milliseconds(20);

ClientOptions OptionsOf(const AgentConfig& config) {
  ClientOptions options;
  options.coordinator = config.coordinator;
  options.state_folder = config.state;
  options.population = config.population;
  options.proxy = config.proxy;
  options.seed = DeviceSeed(config.seed, config.share.index);
  options.memory_bytes = config.memory_bytes.value_or(0);
  options.insecure = config.insecure;
  options.max_backoff = config.max_backoff;
  if (config.limits.has_value()) {
    options.limits = DeviceLimitsFrom(*config.limits);
  }
  return options;
}

ExitCode ExitCodeOf(SessionReport::Outcome outcome) {
  switch (outcome) {
    case SessionReport::kContributed:
    case SessionReport::kNotAssigned:
    case SessionReport::kCancelled:
    case SessionReport::kHeldBack:
      return protocol::kExitOk;
    case SessionReport::kAbandoned:
      return protocol::kExitFailure;
    case SessionReport::kRefused:
      return protocol::kExitRefused;
    case SessionReport::kUnreachable:
      return protocol::kExitUnreachable;
  }
  SHOAL_CHECK(false);
}

}  // namespace

Agent::Agent(AgentOptions options, Logger& log)
    : options_(std::move(options)), log_(log), session_log_(log) {
  status_.version = Version();
  status_.coordinator = options_.config.coordinator;
  status_.population = options_.config.population;
}

absl::Status Agent::Prepare() {
  const AgentConfig& config = options_.config;
  absl::StatusOr<std::unique_ptr<learning::Dataset>> data = LoadShare(config);
  if (!data.ok()) return protocol::AsWrongInput(data.status());
  const int64_t num_examples = (*data)->num_examples();
  DeviceClientParts parts;
  parts.data = *std::move(data);
  parts.on_event = [this](const ClientEvent& event) {
    session_log_.OnEvent(event);
  };
  parts.failpoints = options_.failpoints;
  absl::StatusOr<std::unique_ptr<Client>> client = MakeDeviceClient(
      OptionsOf(config), std::move(parts), options_.make_transport);
  // Starting again does not enrol the device.
  if (absl::IsNotFound(client.status())) {
    return protocol::AsWrongInput(client.status());
  }
  SHOAL_RETURN_IF_ERROR(client.status());
  log_.Info(
      "agent started",
      {{"version", Version()},
       {"coordinator", config.coordinator},
       {"population", config.population},
       {"share", absl::StrCat(config.share.index, "/", config.share.devices)},
       {"examples", num_examples}});
  if (config.insecure) {
    log_.Warning("insecure: the connection is plaintext, anybody can read it");
  }
  MutexLock lock(mutex_);
  client_ = *std::move(client);
  return absl::OkStatus();
}

ExitCode Agent::Run() {
  const ExitCode code = RunSessions();
  MutexLock lock(mutex_);
  finished_ = true;
  changed_.NotifyAll();
  return code;
}

ExitCode Agent::RunSessions() {
  const absl::Status prepared = Prepare();
  if (!prepared.ok()) {
    log_.Error("agent cannot start", {{"error", prepared.message()}});
    return protocol::ExitCodeOf(prepared);
  }
  ExitCode code = protocol::kExitOk;
  do {
    code = RunSession();
    if (options_.max_sessions.has_value() &&
        status_.sessions >= *options_.max_sessions) {
      return code;
    }
  } while (Wait(next_wait_));
  log_.Info("agent stopped", {{"sessions", status_.sessions}});
  return protocol::kExitOk;
}

ExitCode Agent::RunSession() {
  Client* client = nullptr;
  {
    MutexLock lock(mutex_);
    client = client_.get();  // set once, and lives as long as the agent
    if (stopping_) return protocol::kExitOk;
  }
  const absl::StatusOr<SessionReport> report = client->RunOnce();
  ++status_.sessions;
  if (!report.ok()) {
    log_.Error("session failed", {{"error", report.status().message()}});
    next_wait_ = options_.config.max_backoff;
    return protocol::kExitFailure;
  }
  next_wait_ = report->next_check_in;
  session_log_.OnSessionOver(*report);
  if (report->outcome == SessionReport::kContributed) ++status_.contributions;
  if (report->num_steps > 0) status_.model_version = report->model_version;
  status_.last = *report;
  status_.updated = absl::Now();
  const absl::Status written = WriteAgentStatus(options_.config.state, status_);
  if (!written.ok()) {
    log_.Warning("status not written", {{"error", written.message()}});
  }
  return ExitCodeOf(report->outcome);
}

bool Agent::Wait(absl::Duration delay) {
  const RealClock clock;
  const absl::Duration end = clock.Monotonic() + delay;
  MutexLock lock(mutex_);
  while (!stopping_) {
    const absl::Duration left = end - clock.Monotonic();
    if (left <= absl::ZeroDuration()) return true;
    changed_.WaitFor(mutex_, left);
  }
  return false;
}

bool Agent::Stop() {
  MutexLock lock(mutex_);
  stopping_ = true;
  changed_.NotifyAll();
  if (client_ == nullptr) return false;
  // Again when a session was about to start: the client knows only of those
  // that run.
  while (!finished_) {
    Client& client = *client_;
    mutex_.Unlock();
    client.Stop();
    mutex_.Lock();
    if (!finished_) changed_.WaitFor(mutex_, kStopInterval);
  }
  return true;
}

}  // namespace shoal::client
