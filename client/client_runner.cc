#include "client/client_runner.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

#include "base/check.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "client/example_dataset.h"
#include "client/predictor.h"

namespace shoal::client {
namespace {

// Beyond it an idle connection costs more than a new one.
constexpr absl::Duration kKeepConnectionFor = absl::Seconds(10);

class ClientRunner final : public Client {
 public:
  explicit ClientRunner(ClientParts parts)
      : parts_(std::move(parts)),
        jitter_(parts_.jitter_seed),
        predictor_(*parts_.state) {}
  ~ClientRunner() override { Stop(); }

  absl::StatusOr<SessionReport> RunOnce() override SHOAL_EXCLUDES(mutex_);
  absl::Status Start() override SHOAL_EXCLUDES(mutex_);
  void Stop() override SHOAL_EXCLUDES(mutex_);
  absl::StatusOr<std::vector<float>> Predict(
      absl::Span<const float> features) override {
    return predictor_.Predict(features);
  }

 private:
  void Loop();
  // Runs a session; the caller has set running_.
  absl::StatusOr<SessionReport> RunSessionNow() SHOAL_EXCLUDES(mutex_);
  Transport& Connected() SHOAL_EXCLUDES(mutex_);
  void Disconnect() SHOAL_EXCLUDES(mutex_);
  void Tell(const ClientEvent& event);
  // Returns early when Stop() is called.
  void Wait(absl::Duration delay) SHOAL_EXCLUDES(mutex_);
  // Waits until no session runs, up to `timeout`.
  void AwaitIdle(absl::Duration timeout) SHOAL_REQUIRES(mutex_);

  const ClientParts parts_;
  // Of the running session's thread.
  SeededRng jitter_;
  int earlier_failures_ = 0;

  Predictor predictor_;
  std::atomic<bool> stopping_ = false;

  Mutex mutex_;
  CondVar changed_;
  bool running_ SHOAL_GUARDED_BY(mutex_) = false;
  bool looping_ SHOAL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<Transport> transport_ SHOAL_GUARDED_BY(mutex_);
  std::thread loop_ SHOAL_GUARDED_BY(mutex_);
};

absl::StatusOr<SessionReport> ClientRunner::RunOnce() {
  {
    MutexLock lock(mutex_);
    while (running_) changed_.Wait(mutex_);
    running_ = true;
  }
  absl::StatusOr<SessionReport> report = RunSessionNow();
  MutexLock lock(mutex_);
  running_ = false;
  changed_.NotifyAll();
  return report;
}

absl::StatusOr<SessionReport> ClientRunner::RunSessionNow() {
  SHOAL_RETURN_IF_ERROR(CheckDataset(*parts_.data));
  SessionRunOptions options = parts_.session;
  options.earlier_failures = earlier_failures_;
  options.jitter_seed = jitter_.Uint64();
  options.permission = [this] {
    return stopping_ ? Permission::kStop : Permission::kGoOn;
  };
  options.on_event = [this](const ClientEvent& event) { Tell(event); };
  absl::StatusOr<SessionResult> result =
      RunSession(std::move(options), Connected(), *parts_.state, *parts_.data,
                 [this](absl::Duration delay) { Wait(delay); });
  // A cancelled transport makes no more calls.
  if (!result.ok() || stopping_ ||
      result->report.next_check_in > kKeepConnectionFor) {
    Disconnect();
  }
  SHOAL_RETURN_IF_ERROR(result.status());
  earlier_failures_ = result->failures;
  return result->report;
}

Transport& ClientRunner::Connected() {
  MutexLock lock(mutex_);
  if (transport_ == nullptr) transport_ = parts_.connect();
  return *transport_;
}

void ClientRunner::Disconnect() {
  std::unique_ptr<Transport> closing;
  MutexLock lock(mutex_);
  closing = std::move(transport_);
}

void ClientRunner::Tell(const ClientEvent& event) {
  if (event.kind == ClientEvent::kFetched) predictor_.Refresh();
  if (parts_.on_event) parts_.on_event(event);
}

void ClientRunner::Wait(absl::Duration delay) {
  const Clock& clock = *parts_.session.clock;
  const absl::Duration end = clock.Monotonic() + delay;
  MutexLock lock(mutex_);
  while (!stopping_) {
    const absl::Duration left = end - clock.Monotonic();
    if (left <= absl::ZeroDuration()) return;
    changed_.WaitFor(mutex_, left);
  }
}

void ClientRunner::AwaitIdle(absl::Duration timeout) {
  const Clock& clock = *parts_.session.clock;
  const absl::Duration end = clock.Monotonic() + timeout;
  while (running_) {
    const absl::Duration left = end - clock.Monotonic();
    if (left <= absl::ZeroDuration()) return;
    changed_.WaitFor(mutex_, left);
  }
}

absl::Status ClientRunner::Start() {
  MutexLock lock(mutex_);
  if (looping_) {
    return absl::FailedPreconditionError("the client has been started already");
  }
  looping_ = true;
  loop_ = std::thread([this] { Loop(); });
  return absl::OkStatus();
}

void ClientRunner::Loop() {
  while (!stopping_) {
    const absl::StatusOr<SessionReport> report = RunOnce();
    if (!report.ok()) {
      Tell({ClientEvent::kEnded, std::string(report.status().message())});
    }
    Wait(report.ok() ? report->next_check_in : parts_.session.max_backoff);
  }
}

void ClientRunner::Stop() {
  std::thread loop;
  {
    MutexLock lock(mutex_);
    if (!running_ && !looping_) return;
    stopping_ = true;
    changed_.NotifyAll();
    AwaitIdle(parts_.stop_grace);
    if (running_ && transport_ != nullptr) transport_->Cancel();
    while (running_) changed_.Wait(mutex_);
    loop = std::move(loop_);
  }
  if (loop.joinable()) loop.join();
  MutexLock lock(mutex_);
  looping_ = false;
  stopping_ = false;
}

}  // namespace

std::unique_ptr<Client> MakeClient(ClientParts parts) {
  SHOAL_CHECK(parts.state != nullptr && parts.data != nullptr);
  SHOAL_CHECK(parts.connect && parts.session.clock != nullptr);
  return std::make_unique<ClientRunner>(std::move(parts));
}

}  // namespace shoal::client
