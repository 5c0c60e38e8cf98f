#include "client/agent/agent.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "client/agent/agent_limits.h"
#include "client/agent/share.h"
#include "client/session_run.h"

namespace shoal::client {
namespace {

using configuration::AgentConfig;
using protocol::ExitCode;

// How long a call may keep the agent from looking for signals.
constexpr absl::Duration kSignalInterval = absl::Milliseconds(200);

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

Agent::Agent(AgentOptions options, StopSignals& signals, Logger& log)
    : options_(std::move(options)),
      signals_(signals),
      log_(log),
      session_log_(log) {
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
  client_ = *std::move(client);
  return absl::OkStatus();
}

ExitCode Agent::Run() {
  const absl::Status prepared = Prepare();
  if (!prepared.ok()) {
    log_.Error("agent cannot start", {{"error", prepared.message()}});
    return protocol::ExitCodeOf(prepared);
  }
  signals_.Hold();
  return RunSessions();
}

ExitCode Agent::RunSessions() {
  absl::Duration next;
  while (!signals_.Await(next)) {
    next = Tick();
    if (IsLastSession()) return code_;
  }
  const std::optional<SessionReport> interrupted = client_->Stop();
  if (interrupted.has_value()) OnSessionOver(*interrupted);
  log_.Info("agent stopped", {{"sessions", status_.sessions}});
  return protocol::kExitOk;
}

bool Agent::IsLastSession() const {
  return options_.max_sessions.has_value() &&
         status_.sessions >= *options_.max_sessions;
}

absl::Duration Agent::Tick() {
  const absl::StatusOr<TickResult> tick = client_->Tick(kSignalInterval);
  if (!tick.ok()) {
    OnSessionOver(tick.status());
    return options_.config.max_backoff;
  }
  if (tick->report.has_value()) OnSessionOver(*tick->report);
  return tick->next;
}

void Agent::OnSessionOver(const absl::StatusOr<SessionReport>& report) {
  ++status_.sessions;
  if (!report.ok()) {
    log_.Error("session failed", {{"error", report.status().message()}});
    code_ = protocol::kExitFailure;
    return;
  }
  code_ = ExitCodeOf(report->outcome);
  session_log_.OnSessionOver(*report);
  if (report->outcome == SessionReport::kContributed) ++status_.contributions;
  if (report->num_steps > 0) status_.model_version = report->model_version;
  status_.last = *report;
  status_.updated = absl::Now();
  const absl::Status written = WriteAgentStatus(options_.config.state, status_);
  if (!written.ok()) {
    log_.Warning("status not written", {{"error", written.message()}});
  }
}

}  // namespace shoal::client
