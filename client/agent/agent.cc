#include "client/agent/agent.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/human_duration.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "client/agent/agent_examples.h"
#include "client/agent/agent_groups.h"
#include "client/agent/agent_limits.h"
#include "client/agent/share.h"
#include "client/file_state.h"
#include "client/identity.h"
#include "client/session_run.h"

namespace shoal::client {
namespace {

using configuration::AgentConfig;
using protocol::ExitCode;

// How long a call may keep the agent from looking for signals, and from
// answering on its socket.
constexpr absl::Duration kSignalInterval = absl::Milliseconds(200);
constexpr absl::Duration kAnswerInterval = absl::Milliseconds(20);
// Of waiting for something: nobody notices that it is not for ever.
constexpr absl::Duration kLongestWait = absl::Hours(24);
// How long the status may lag behind the store.
constexpr absl::Duration kStatusInterval = absl::Seconds(2);

absl::StatusOr<ClientOptions> OptionsOf(const AgentConfig& config) {
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
  if (config.secure_aggregation.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(options.secure_aggregation,
                           DemandsFrom(*config.secure_aggregation));
  }
  return options;
}

// Beyond it doubling does not change the back-off.
constexpr int kMaxDoublings = 20;
constexpr absl::Duration kFirstBackoff = absl::Seconds(1);

// Before a coordinator is asked again that has not confirmed a forgetting.
absl::Duration ForgetBackoff(int failures, absl::Duration longest) {
  const int doublings = std::min(failures, kMaxDoublings);
  return std::min(longest, kFirstBackoff * static_cast<double>(1 << doublings));
}

ExitCode ExitCodeOf(SessionReport::Outcome outcome) {
  switch (outcome) {
    case SessionReport::kContributed:
    case SessionReport::kNotAssigned:
    case SessionReport::kCancelled:
    case SessionReport::kHeldBack:
    case SessionReport::kForgotten:
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
  const absl::StatusOr<ClientOptions> options = OptionsOf(config);
  if (!options.ok()) return protocol::AsWrongInput(options.status());
  DeviceClientParts parts;
  // First, so that no folder is made for a device that is not enrolled.
  // Starting again does not enrol it.
  if (!config.insecure) {
    SHOAL_RETURN_IF_ERROR(protocol::AsWrongInput(CheckEnrolled(config.state)));
  }
  SHOAL_ASSIGN_OR_RETURN(parts.lock, FolderLock::Take(config.state));
  if (const absl::Status opened = OpenExamples(parts); !opened.ok()) {
    return protocol::AsWrongInput(opened);
  }
  parts.on_event = [this](const ClientEvent& event) {
    session_log_.OnEvent(event);
  };
  parts.failpoints = options_.failpoints;
  absl::StatusOr<std::unique_ptr<Client>> client =
      MakeDeviceClient(*options, std::move(parts), options_.make_transport);
  SHOAL_RETURN_IF_ERROR(client.status());
  client_ = *std::move(client);
  TakeUpNumbers(config.state, status_);
  if (intake_ != nullptr) {
    const absl::Status listening = intake_->Listen(*client_);
    // Another process that listens may end; what else is wrong stays wrong.
    if (absl::IsFailedPrecondition(listening)) return listening;
    if (!listening.ok()) return protocol::AsWrongInput(listening);
  }
  log_.Info(
      "agent started",
      {{"version", Version()},
       {"coordinator", config.coordinator},
       {"population", config.population},
       {"share", absl::StrCat(config.share.index, "/", config.share.devices)},
       {"examples", status_.examples}});
  if (config.insecure) {
    log_.Warning("insecure: the connection is plaintext, anybody can read it");
  }
  return absl::OkStatus();
}

absl::Status Agent::OpenExamples(DeviceClientParts& parts) {
  const AgentConfig& config = options_.config;
  if (config.examples.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(intake_,
                           ExampleIntake::Open(ExamplesFrom(*config.examples),
                                               config.state, clock_, log_));
    parts.store = intake_->store();
    status_.examples = parts.store->num_examples();
    return absl::OkStatus();
  }
  SHOAL_ASSIGN_OR_RETURN(parts.data, LoadShare(config));
  status_.examples = parts.data->num_examples();
  return absl::OkStatus();
}

ExitCode Agent::Run() {
  if (IsForgetting()) {
    signals_.Hold();
    return RunForgetting();
  }
  const absl::Status prepared = Prepare();
  if (!prepared.ok()) {
    log_.Error("agent cannot start", {{"error", prepared.message()}});
    return protocol::ExitCodeOf(prepared);
  }
  signals_.Hold();
  return RunSessions();
}

ExitCode Agent::RunSessions() {
  while (!Await()) {
    if (!is_forgotten_) Tick();
    if (is_forgotten_) {
      client_.reset();  // and with it the folder's lock
      intake_.reset();
      return RunForgetting();
    }
    if (IsLastSession()) return code_;
  }
  const std::optional<SessionReport> interrupted = client_->Stop();
  if (interrupted.has_value()) OnSessionOver(*interrupted);
  log_.Info("agent stopped", {{"sessions", sessions_}});
  return protocol::kExitOk;
}

absl::Duration Agent::UntilNextWork() const {
  absl::Duration wait = std::min(next_tick_, status_due_) - clock_.Monotonic();
  if (intake_ != nullptr) wait = std::min(wait, intake_->Due());
  return std::clamp(wait, absl::ZeroDuration(), kLongestWait);
}

bool Agent::Await() {
  polled_.assign(1, {signals_.fd(), POLLIN, 0});
  if (intake_ != nullptr) intake_->AppendTo(polled_);
  const timespec timeout = absl::ToTimespec(UntilNextWork());
  const int ready = ppoll(polled_.data(), polled_.size(), &timeout, nullptr);
  SHOAL_CHECK(ready >= 0 || errno == EINTR || errno == ENOMEM);
  if (ready < 0) {
    for (pollfd& each : polled_) each.revents = 0;
  }
  if (polled_[0].revents != 0 && signals_.HasCome()) return true;
  // Nothing is taken in any more, however long the next session is away.
  if (IsForgetting()) {
    is_forgotten_ = true;
    return false;
  }
  if (intake_ != nullptr) {
    intake_->Serve(absl::MakeConstSpan(polled_).subspan(1));
    NoteExamples();
  }
  return false;
}

void Agent::NoteExamples() {
  const absl::Duration now = clock_.Monotonic();
  const int64_t examples = intake_->store()->num_examples();
  const bool was_empty = std::exchange(store_was_empty_, examples == 0);
  // Whether the client has waited for them is for it to say.
  if (was_empty && examples > 0) next_tick_ = now;
  if (now >= status_due_) return WriteStatus();
  if (examples == status_.examples) return;
  status_due_ = std::min(status_due_, now + kStatusInterval);
}

bool Agent::IsForgetting() const {
  const auto said = GetParticipation(options_.config.state);
  return said.ok() && *said == Participation::kForgetting;
}

ExitCode Agent::RunForgetting() {
  log_.Info("this device is being forgotten: no session runs any more");
  for (int failures = 0;; ++failures) {
    const absl::Status status = Forget();
    if (status.ok()) {
      log_.Info("this device is forgotten");
      return protocol::kExitOk;
    }
    const absl::Duration wait =
        ForgetBackoff(failures, options_.config.max_backoff);
    log_.Warning(
        "forgetting is not complete",
        {{"error", status.message()}, {"retry_in", HumanDuration(wait)}});
    if (options_.max_sessions.has_value()) return protocol::ExitCodeOf(status);
    if (AwaitSignal(wait)) return protocol::kExitOk;
  }
}

bool Agent::AwaitSignal(absl::Duration wait) {
  pollfd polled = {signals_.fd(), POLLIN, 0};
  const timespec timeout =
      absl::ToTimespec(std::clamp(wait, absl::ZeroDuration(), kLongestWait));
  return ppoll(&polled, 1, &timeout, nullptr) > 0 && signals_.HasCome();
}

absl::Status Agent::Forget() {
  const AgentConfig& config = options_.config;
  return ForgetDevice(
      {config.coordinator, config.state, config.proxy, config.insecure},
      {options_.failpoints,
       [this] { return !AwaitSignal(absl::ZeroDuration()); }},
      options_.make_transport);
}

bool Agent::IsLastSession() const {
  return options_.max_sessions.has_value() &&
         sessions_ >= *options_.max_sessions;
}

void Agent::Tick() {
  if (clock_.Monotonic() < next_tick_) return;
  // What is there at the start counts in the first session.
  if (sessions_ == 0 && intake_ != nullptr && intake_->has_files()) {
    return;
  }
  const bool listens = intake_ != nullptr && intake_->listens();
  const absl::StatusOr<TickResult> tick =
      client_->Tick(listens ? kAnswerInterval : kSignalInterval);
  absl::Duration next = options_.config.max_backoff;
  if (!tick.ok()) {
    OnSessionOver(tick.status());
  } else {
    if (tick->report.has_value()) OnSessionOver(*tick->report);
    next = tick->next;
  }
  next_tick_ = clock_.Monotonic() + next;
}

void Agent::OnSessionOver(const absl::StatusOr<SessionReport>& report) {
  ++sessions_;
  ++status_.sessions;
  if (!report.ok()) {
    log_.Error("session failed", {{"error", report.status().message()}});
    code_ = protocol::kExitFailure;
    return;
  }
  code_ = ExitCodeOf(report->outcome);
  if (report->outcome == SessionReport::kForgotten) {
    is_forgotten_ = true;  // and leaves no status behind
    return;
  }
  session_log_.OnSessionOver(*report);
  if (report->outcome == SessionReport::kContributed) ++status_.contributions;
  status_.last = *report;
  WriteStatus();
}

void Agent::WriteStatus() {
  if (intake_ != nullptr) status_.examples = intake_->store()->num_examples();
  status_due_ = absl::InfiniteDuration();
  status_.updated = clock_.Now();
  const absl::StatusOr<NewestModel> newest = ReadNewest(options_.config.state);
  if (newest.ok()) status_.model_version = newest->version;
  const absl::Status written = WriteAgentStatus(options_.config.state, status_);
  if (!written.ok()) {
    log_.Warning("status not written", {{"error", written.message()}});
  }
}

}  // namespace shoal::client
