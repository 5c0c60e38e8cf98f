#include "client/client_runner.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <cstring>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/mutex.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "client/example_dataset.h"
#include "client/forgetting.h"
#include "client/participation.h"
#include "client/predictor.h"

namespace shoal::client {
namespace {

// Beyond it an idle connection costs more than a new one.
constexpr absl::Duration kKeepConnectionFor = absl::Seconds(10);

absl::Status ModelsAreGone() {
  return absl::FailedPreconditionError(
      "the device is being forgotten, with its models");
}

class ClientRunner final : public Client {
 public:
  explicit ClientRunner(ClientParts parts)
      : parts_(std::move(parts)),
        said_(parts_.folder),
        jitter_(parts_.jitter_seed),
        predictor_(*parts_.state) {}
  ~ClientRunner() override { Stop(); }

  absl::StatusOr<SessionReport> RunOnce() override SHOAL_EXCLUDES(mutex_);
  absl::StatusOr<TickResult> Tick(absl::Duration max_wait) override
      SHOAL_EXCLUDES(mutex_);
  absl::Status Start() override SHOAL_EXCLUDES(mutex_);
  std::optional<SessionReport> Stop() override SHOAL_EXCLUDES(mutex_);
  absl::StatusOr<std::vector<float>> Predict(
      absl::Span<const float> features) override;
  absl::StatusOr<ModelValues> NewestModel() override;
  absl::Status AddExample(const Example& example) override;

 private:
  // Of run_.
  TrainingSource Source() const {
    if (parts_.trainer != nullptr) return TrainingSource(*parts_.trainer);
    return *data_;
  }
  // What the next session would train with.
  int64_t NumExamples() const;
  void Loop();
  // Makes the calling thread the one that runs sessions, and the reverse.
  // FAILED_PRECONDITION when it is that already: a callback calls.
  absl::Status EnterOrRefuse() SHOAL_EXCLUDES(mutex_);
  void Enter() SHOAL_EXCLUDES(mutex_);
  bool IsInside() SHOAL_EXCLUDES(mutex_);
  void Leave() SHOAL_EXCLUDES(mutex_);
  // What the device's owner says at the moment. Once it is to be forgotten,
  // that stays: the file that says so goes in the end.
  Participation Look();
  // The report that takes the place of a session which the owner does not want,
  // or for which the device is not ready; nothing when it may run.
  absl::StatusOr<std::optional<SessionReport>> HeldBack();
  // The report of a session that does not begin.
  SessionReport StayAway(const std::string& why);
  void AddBudgets(SessionReport& report);
  // The folder is left to whoever has the device forgotten: deletes what was
  // written since, and their mark once they need it no more.
  absl::StatusOr<SessionReport> LetGo();
  // The examples of the next session. A report: there are none, and the
  // session would only take the place of another device; nor is there an update
  // to be sent. The caller has entered, here and below.
  //
  // Then the first one brings the next session forward.
  absl::StatusOr<std::optional<SessionReport>> TakeExamples();
  bool ExamplesHaveCome() const {
    return waits_for_examples_ && NumExamples() > 0;
  }
  // Of a session. REQUIRES: TakeExamples() found some.
  absl::Status BeginSession() SHOAL_EXCLUDES(mutex_);
  absl::StatusOr<SessionReport> EndSession() SHOAL_EXCLUDES(mutex_);
  absl::StatusOr<SessionReport> RunToEnd() SHOAL_EXCLUDES(mutex_);
  absl::StatusOr<TickResult> TickNow(absl::Duration max_wait)
      SHOAL_EXCLUDES(mutex_);
  // Ends the session that ticks have left under way. REQUIRES: stopping_.
  std::optional<SessionReport> EndTickedSession() SHOAL_EXCLUDES(mutex_);
  // The transport; a new one when there is none that makes calls.
  absl::StatusOr<Transport*> Connected() SHOAL_EXCLUDES(mutex_);
  // Ends the running call. REQUIRES: there is a transport.
  void CancelCalls() SHOAL_REQUIRES(mutex_);
  void Tell(const ClientEvent& event);
  // Returns early when Stop() is called, or when the store gets the examples
  // that are waited for.
  void Wait(absl::Duration delay) SHOAL_EXCLUDES(mutex_);
  // Waits until no session runs, up to `timeout`.
  void AwaitIdle(absl::Duration timeout) SHOAL_REQUIRES(mutex_);

  const ClientParts parts_;
  const ParticipationFiles said_;
  // Of the thread that has entered.
  SeededRng jitter_;
  int earlier_failures_ = 0;
  std::unique_ptr<SessionRun> run_;  // null: no session is under way
  // Of run_. Shared with whoever gave them, or a snapshot of our own.
  std::shared_ptr<const learning::Dataset> data_;
  Transport* connected_ = nullptr;  // of run_
  absl::Duration next_session_;     // by ticks, on the monotonic clock

  Predictor predictor_;
  std::atomic<bool> stopping_ = false;
  std::atomic<bool> forgotten_ = false;
  std::atomic<bool> waits_for_examples_ = false;  // the next session does

  Mutex mutex_;
  CondVar changed_;
  bool running_ SHOAL_GUARDED_BY(mutex_) = false;
  std::thread::id inside_ SHOAL_GUARDED_BY(mutex_);  // while running_
  bool looping_ SHOAL_GUARDED_BY(mutex_) = false;
  // A callback has stopped the session, and nobody but the session's end will
  // take that back.
  bool stop_after_session_ SHOAL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<Transport> transport_ SHOAL_GUARDED_BY(mutex_);
  bool is_cancelled_ SHOAL_GUARDED_BY(mutex_) = false;  // transport_
  // Not std::thread, which throws where the system has none left.
  std::optional<pthread_t> loop_ SHOAL_GUARDED_BY(mutex_);
};

void ClientRunner::Enter() {
  MutexLock lock(mutex_);
  while (running_) changed_.Wait(mutex_);
  running_ = true;
  inside_ = std::this_thread::get_id();
}

bool ClientRunner::IsInside() {
  MutexLock lock(mutex_);
  return running_ && inside_ == std::this_thread::get_id();
}

absl::Status ClientRunner::EnterOrRefuse() {
  if (IsInside()) {
    return absl::FailedPreconditionError(
        "a session is under way, and one of its callbacks cannot run another");
  }
  Enter();
  return absl::OkStatus();
}

void ClientRunner::Leave() {
  MutexLock lock(mutex_);
  running_ = false;
  if (stop_after_session_ && run_ == nullptr) {
    stopping_ = false;
    stop_after_session_ = false;
  }
  changed_.NotifyAll();
}

absl::StatusOr<SessionReport> ClientRunner::RunOnce() {
  SHOAL_RETURN_IF_ERROR(EnterOrRefuse());
  absl::StatusOr<SessionReport> report = RunToEnd();
  Leave();
  return report;
}

absl::StatusOr<SessionReport> ClientRunner::RunToEnd() {
  if (run_ == nullptr) {
    SHOAL_ASSIGN_OR_RETURN(std::optional<SessionReport> held_back, HeldBack());
    if (held_back.has_value()) return *std::move(held_back);
    SHOAL_ASSIGN_OR_RETURN(std::optional<SessionReport> none, TakeExamples());
    if (none.has_value()) return *std::move(none);
    SHOAL_RETURN_IF_ERROR(BeginSession());
  }
  while (!run_->over()) {
    const absl::Duration next = run_->Tick(absl::InfiniteDuration());
    if (next > absl::ZeroDuration()) Wait(next);
  }
  return EndSession();
}

absl::StatusOr<TickResult> ClientRunner::Tick(absl::Duration max_wait) {
  {
    MutexLock lock(mutex_);
    if (looping_) {
      return absl::FailedPreconditionError(
          "the client has been started: it ticks by itself");
    }
  }
  SHOAL_RETURN_IF_ERROR(EnterOrRefuse());
  absl::StatusOr<TickResult> result = TickNow(max_wait);
  Leave();
  return result;
}

absl::StatusOr<TickResult> ClientRunner::TickNow(absl::Duration max_wait) {
  const absl::Duration now = parts_.session.clock->Monotonic();
  TickResult result;
  if (run_ == nullptr) {
    result.next = next_session_ - now;
    if (result.next > absl::ZeroDuration() && !ExamplesHaveCome()) {
      return result;
    }
    SHOAL_ASSIGN_OR_RETURN(result.report, HeldBack());
    if (!result.report.has_value()) {
      SHOAL_ASSIGN_OR_RETURN(result.report, TakeExamples());
    }
    if (!result.report.has_value()) SHOAL_RETURN_IF_ERROR(BeginSession());
  }
  if (run_ != nullptr) {
    result.next = run_->Tick(max_wait);
    if (!run_->over()) return result;
    SHOAL_ASSIGN_OR_RETURN(result.report, EndSession());
  }
  result.next = result.report->next_check_in;
  next_session_ = parts_.session.clock->Monotonic() + result.next;
  return result;
}

Participation ClientRunner::Look() {
  if (forgotten_) return Participation::kForgetting;
  if (parts_.folder.empty()) return Participation::kTakesPart;
  const Participation said = said_.Look();
  if (said == Participation::kForgetting) forgotten_ = true;
  return said;
}

absl::StatusOr<std::optional<SessionReport>> ClientRunner::HeldBack() {
  waits_for_examples_ = false;
  const Participation said = Look();
  if (said == Participation::kForgetting) return LetGo();
  absl::Status may;
  if (said != Participation::kTakesPart) {
    may = absl::CancelledError("the device's owner has opted out");
  } else if (parts_.may_connect) {
    may = parts_.may_connect();
  }
  if (may.ok()) return std::nullopt;
  return StayAway(std::string(may.message()));
}

SessionReport ClientRunner::StayAway(const std::string& why) {
  SessionReport report;
  report.outcome = SessionReport::kHeldBack;
  report.next_check_in = parts_.session.max_backoff;
  report.explanation = why;
  AddBudgets(report);
  Tell({ClientEvent::kEnded, report.explanation});
  return report;
}

void ClientRunner::AddBudgets(SessionReport& report) {
  if (parts_.limits == nullptr) return;
  report.budgets = StatusOf(parts_.limits->limits().Report());
}

absl::StatusOr<SessionReport> ClientRunner::LetGo() {
  SHOAL_RETURN_IF_ERROR(DeleteLocalData(parts_.folder));
  if (!HasIdentity(parts_.folder)) {
    SHOAL_RETURN_IF_ERROR(EndForgetting(parts_.folder));
  }
  SessionReport report;
  report.outcome = SessionReport::kForgotten;
  report.next_check_in = parts_.session.max_backoff;
  report.explanation =
      "the device is being forgotten: it takes part in nothing any more";
  Tell({ClientEvent::kEnded, report.explanation});
  return report;
}

int64_t ClientRunner::NumExamples() const {
  if (parts_.trainer != nullptr) return parts_.trainer->num_examples();
  return parts_.store != nullptr ? parts_.store->num_examples()
                                 : parts_.data->num_examples();
}

absl::StatusOr<std::optional<SessionReport>> ClientRunner::TakeExamples() {
  data_ = parts_.data;
  if (parts_.store != nullptr) {
    SHOAL_ASSIGN_OR_RETURN(data_, parts_.store->Snapshot());
  }
  if (Source().num_examples() > 0) return std::nullopt;
  // The session sees to an update that waits, and to one that is damaged.
  const auto pending = parts_.state->LoadPending();
  if (!pending.ok() || pending->has_value()) return std::nullopt;
  waits_for_examples_ = true;
  return StayAway("there are no examples yet");
}

absl::Status ClientRunner::BeginSession() {
  if (data_ != nullptr) SHOAL_RETURN_IF_ERROR(CheckDataset(*data_));
  SHOAL_ASSIGN_OR_RETURN(connected_, Connected());
  SessionRunOptions options = parts_.session;
  if (parts_.limits != nullptr) options.limits = &parts_.limits->limits();
  options.earlier_failures = earlier_failures_;
  options.jitter_seed = jitter_.Uint64();
  options.permission = [this] {
    if (Look() != Participation::kTakesPart) return Permission::kWithdraw;
    return stopping_ ? Permission::kStop : Permission::kGoOn;
  };
  options.on_event = [this](const ClientEvent& event) { Tell(event); };
  SHOAL_ASSIGN_OR_RETURN(
      run_, SessionRun::Create(std::move(options), *connected_, *parts_.state,
                               Source()));
  return absl::OkStatus();
}

absl::StatusOr<SessionReport> ClientRunner::EndSession() {
  absl::StatusOr<SessionResult> result = run_->result();
  run_.reset();
  data_.reset();
  const Participation said = Look();
  if (!result.ok() || stopping_ || said != Participation::kTakesPart ||
      result->report.next_check_in > kKeepConnectionFor) {
    connected_->Drop();
    connected_->Close();
  }
  if (said == Participation::kForgetting) return LetGo();
  SHOAL_RETURN_IF_ERROR(result.status());
  earlier_failures_ = result->failures;
  AddBudgets(result->report);
  return std::move(result->report);
}

absl::StatusOr<Transport*> ClientRunner::Connected() {
  std::unique_ptr<Transport> old;  // goes without the lock
  MutexLock lock(mutex_);
  if (is_cancelled_) old = std::move(transport_);
  if (transport_ == nullptr) {
    SHOAL_ASSIGN_OR_RETURN(transport_, parts_.connect());
    is_cancelled_ = false;
  }
  return transport_.get();
}

absl::Status ClientRunner::AddExample(const Example& example) {
  if (Look() == Participation::kForgetting) {
    return absl::FailedPreconditionError(
        "the device is being forgotten, with its examples");
  }
  if (parts_.store == nullptr) {
    return absl::FailedPreconditionError(
        "the client has no example store: its examples come from the product's "
        "own source");
  }
  SHOAL_RETURN_IF_ERROR(parts_.store->Add({&example, 1}));
  if (waits_for_examples_) {
    MutexLock lock(mutex_);
    changed_.NotifyAll();
  }
  return absl::OkStatus();
}

void ClientRunner::CancelCalls() {
  transport_->Cancel();
  is_cancelled_ = true;  // it makes no more calls
}

absl::StatusOr<std::vector<float>> ClientRunner::Predict(
    absl::Span<const float> features) {
  if (Look() == Participation::kForgetting) return ModelsAreGone();
  return predictor_.Predict(features);
}

absl::StatusOr<ModelValues> ClientRunner::NewestModel() {
  if (Look() == Participation::kForgetting) return ModelsAreGone();
  return LoadNewestValues(*parts_.state);
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
    // Nobody tells of those of another source.
    if (parts_.store != nullptr && ExamplesHaveCome()) return;
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
  const auto loop = [](void* self) -> void* {
    static_cast<ClientRunner*>(self)->Loop();
    return nullptr;
  };
  pthread_t thread;
  const int error = pthread_create(&thread, nullptr, loop, this);
  if (error != 0) {
    return absl::ResourceExhaustedError(
        absl::StrCat("no thread for sessions: ", std::strerror(error)));
  }
  looping_ = true;
  loop_ = thread;
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

std::optional<SessionReport> ClientRunner::Stop() {
  std::optional<pthread_t> loop;
  if (IsInside()) {  // a callback: the session's next piece of work sees it
    MutexLock lock(mutex_);
    stop_after_session_ = !looping_;
    stopping_ = true;
    return std::nullopt;
  }
  {
    MutexLock lock(mutex_);
    if (!running_ && !looping_ && run_ == nullptr) return std::nullopt;
    stopping_ = true;
    changed_.NotifyAll();
    AwaitIdle(parts_.stop_grace);
    if (running_ && transport_ != nullptr) CancelCalls();
    while (running_) changed_.Wait(mutex_);
    loop = std::exchange(loop_, std::nullopt);
  }
  if (loop.has_value()) SHOAL_CHECK(pthread_join(*loop, nullptr) == 0);
  std::optional<SessionReport> ended = EndTickedSession();
  MutexLock lock(mutex_);
  looping_ = false;
  stopping_ = false;
  stop_after_session_ = false;
  return ended;
}

std::optional<SessionReport> ClientRunner::EndTickedSession() {
  constexpr absl::Duration kPiece = absl::Milliseconds(10);
  std::optional<SessionReport> ended;
  Enter();
  if (run_ != nullptr) {
    const Clock& clock = *parts_.session.clock;
    const absl::Duration patience = clock.Monotonic() + parts_.stop_grace;
    while (!run_->over()) {
      if (clock.Monotonic() >= patience) {
        MutexLock lock(mutex_);
        CancelCalls();
      }
      run_->Tick(kPiece);
    }
    absl::StatusOr<SessionReport> report = EndSession();
    if (report.ok()) {
      ended = *std::move(report);
    } else {
      Tell({ClientEvent::kEnded, std::string(report.status().message())});
    }
  }
  Leave();
  return ended;
}

}  // namespace

std::unique_ptr<Client> MakeClient(ClientParts parts) {
  SHOAL_CHECK(parts.state != nullptr);
  SHOAL_CHECK((parts.data != nullptr) + (parts.trainer != nullptr) +
                  (parts.store != nullptr) ==
              1);
  SHOAL_CHECK(parts.connect && parts.session.clock != nullptr);
  return std::make_unique<ClientRunner>(std::move(parts));
}

}  // namespace shoal::client
