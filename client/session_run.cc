#include "client/session_run.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/memory/memory.h"
#include "base/check.h"
#include "base/human_duration.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "learning/update_codec.h"

namespace shoal::client {
namespace {

using protocol::AbandonReason;

// How often a caller that does not wait inside the transport looks at the
// network.
constexpr absl::Duration kNetworkInterval = absl::Milliseconds(5);

SessionOptions MakeSessionOptions(const SessionRunOptions& options,
                                  const TrainingSource& source) {
  SessionOptions session;
  session.check_in.population = options.population;
  session.check_in.num_examples = source.num_examples();
  session.check_in.memory_bytes = options.memory_bytes;
  session.check_in.sdk_version = Version();
  session.check_in.codecs = {learning::UpdateCodec::kFloat32};
  session.check_in.secure_aggregation_versions = {
      protocol::kSecureAggregationVersion};
  session.check_in.private_updates = true;
  session.base_backoff = options.base_backoff;
  session.max_backoff = options.max_backoff;
  session.max_attempts = options.max_attempts;
  session.earlier_failures = options.earlier_failures;
  return session;
}

SessionReport::Outcome ToReport(SessionEnd::Outcome outcome) {
  switch (outcome) {
    case SessionEnd::kContributed:
      return SessionReport::kContributed;
    case SessionEnd::kNotAssigned:
      return SessionReport::kNotAssigned;
    case SessionEnd::kAbandoned:
      return SessionReport::kAbandoned;
    case SessionEnd::kRefused:
      return SessionReport::kRefused;
    case SessionEnd::kUnreachable:
      return SessionReport::kUnreachable;
    case SessionEnd::kStopped:
      return SessionReport::kCancelled;
    case SessionEnd::kHeldBack:
      return SessionReport::kHeldBack;
  }
  SHOAL_CHECK(false);
}

// When to call again about a call that is not over.
absl::Duration NextLook(absl::Duration max_wait) {
  return max_wait > absl::ZeroDuration() ? absl::ZeroDuration()
                                         : kNetworkInterval;
}

// The answer as that of its call.
template <typename T>
absl::StatusOr<T> As(absl::StatusOr<Answer> answer) {
  if (!answer.ok()) return answer.status();
  return std::get<T>(*std::move(answer));
}

}  // namespace

absl::StatusOr<std::unique_ptr<SessionRun>> SessionRun::Create(
    SessionRunOptions options, Transport& transport, ClientState& state,
    TrainingSource source) {
  SHOAL_CHECK(options.clock != nullptr && options.permission);
  absl::StatusOr<std::optional<SavedUpload>> saved = state.LoadPending();
  absl::Status usable = saved.status();
  if (!usable.ok() && !absl::IsDataLoss(usable)) return usable;
  if (usable.ok() && saved->has_value()) {
    usable = CheckKeptUpdate(*(*saved)->update, options.group_policy);
  }
  if (!usable.ok()) {
    if (options.on_event) {
      options.on_event(
          {ClientEvent::kAbandoned, std::string(usable.message())});
    }
    SHOAL_RETURN_IF_ERROR(state.ClearPending());
    saved = std::optional<SavedUpload>();
  }
  return absl::WrapUnique(new SessionRun(std::move(options), transport, state,
                                         source, *std::move(saved)));
}

SessionRun::SessionRun(SessionRunOptions options, Transport& transport,
                       ClientState& state, TrainingSource source,
                       std::optional<SavedUpload> saved)
    : options_(std::move(options)),
      transport_(transport),
      state_(state),
      source_(source),
      session_(MakeSessionOptions(options_, source),
               saved.has_value() ? std::optional(saved->pending) : std::nullopt,
               options_.jitter_seed),
      sent_before_(transport.bytes_sent()),
      received_before_(transport.bytes_received()),
      limits_(options_.limits, transport) {
  if (!saved.has_value()) return;
  pending_ = saved->pending;
  result_.report.task = saved->pending.task;
  result_.report.round_id = saved->pending.round_id;
  update_ = std::move(saved->update);
  has_saved_ = true;
}

SessionRun::~SessionRun() {
  if (calling_) transport_.Drop();
}

absl::StatusOr<SessionResult> SessionRun::result() const {
  SHOAL_CHECK(over_);
  SHOAL_RETURN_IF_ERROR(error_);
  return result_;
}

absl::Duration SessionRun::Tick(absl::Duration max_wait) {
  SHOAL_CHECK(!over_);
  permission_ = options_.permission();
  limit_ = {};
  if (permission_ == Permission::kWithdraw) return Withdraw();
  if (WaitsForGroup() &&
      (permission_ == Permission::kStop || permission_ == Permission::kPause)) {
    DropCall();
  }
  // A short call goes on to its end; who cannot wait for it cancels it.
  if (permission_ == Permission::kStop && !stopped_ && !calling_) Stop();
  AskLimits();
  if (permission_ == Permission::kPause && !MustFinish()) return Pause();
  Resume();
  return Work(max_wait);
}

absl::Duration SessionRun::Work(absl::Duration max_wait) {
  return std::visit(
      [&](const auto& action) { return Perform(action, max_wait); },
      session_.Next());
}

template <typename MakeCall>
std::optional<absl::StatusOr<Answer>> SessionRun::Move(
    MakeCall make_call, absl::Duration max_wait) {
  if (!calling_) transport_.Start(make_call());
  std::optional<absl::StatusOr<Answer>> answer = transport_.Step(max_wait);
  calling_ = !answer.has_value();
  return answer;
}

absl::Duration SessionRun::Perform(const DoCheckIn& action,
                                   absl::Duration max_wait) {
  auto answer = Move([&] { return CheckInCall{action.message}; }, max_wait);
  if (!answer.has_value()) return NextLook(max_wait);
  const bool reached = answer->ok();
  session_.OnCheckIn(As<protocol::CheckInAnswer>(*std::move(answer)));
  if (!reached) return absl::ZeroDuration();
  Tell(ClientEvent::kCheckedIn, "population ", options_.population, ", ",
       source_.num_examples(), " examples");
  if (session_.assignment().has_value()) OnAssigned();
  return absl::ZeroDuration();
}

void SessionRun::OnAssigned() {
  const protocol::Assignment& assignment = *session_.assignment();
  work_.emplace(
      WorkSite{source_, state_, *options_.clock, options_.memory_bytes,
               options_.seed, options_.backend, options_.menus, OwnGroupSite()},
      assignment);
  result_.report.task = assignment.task;
  result_.report.round_id = assignment.round_id;
  result_.report.model_version = assignment.model.version;
  Tell(ClientEvent::kAssigned, "round ", assignment.round_id, " of task ",
       assignment.task);
}

absl::Duration SessionRun::Perform(const DoFetch& action,
                                   absl::Duration max_wait) {
  Objection objection = work_->Choose(limits_);
  if (objection.why.ok()) {
    if (!fetch_.has_value()) {
      fetch_.emplace(action.model, transport_, state_, *options_.clock);
    }
    const std::optional<Objection> fetched = fetch_->Step(max_wait);
    if (!fetched.has_value()) return NextLook(max_wait);
    objection = fetched->why.ok()
                    ? work_->Adopt(fetch_->model(), fetch_->transfer_time())
                    : *fetched;
  }
  fetch_.reset();
  session_.OnFetched(objection.why, objection.reason);
  if (!objection.why.ok()) return absl::ZeroDuration();
  const protocol::ModelReference& model = session_.assignment()->model;
  Tell(ClientEvent::kFetched, "model version ", model.version, ", ",
       model.num_bytes, " bytes");
  options_.failpoints.Reach(Failpoint::kAfterFetch);
  objection = work_->BeginTraining();
  if (!objection.why.ok()) session_.OnTrained(objection.why, objection.reason);
  return absl::ZeroDuration();
}

absl::Duration SessionRun::Perform(const DoTrain&, absl::Duration) {
  if (!WillTrain()) {
    if (work_->ready_to_finish()) EndTraining();
    return absl::ZeroDuration();
  }
  const absl::Status status = work_->Step();
  if (status.ok()) {
    limits_.set_flops(work_->flops());
  } else {
    // Other than by numbers that grow, a step fails by its examples.
    session_.OnTrained(status, absl::IsAborted(status)
                                   ? AbandonReason::kTraining
                                   : AbandonReason::kData);
  }
  return absl::ZeroDuration();
}

learning::WorkLimit SessionRun::WhyEarly() const {
  if (!limit_.ok()) return LimitFrom(limit_.reason);
  return options_.clock->Monotonic() >= work_->train_until()
             ? learning::WorkLimit::kTime
             : learning::WorkLimit::kConditions;
}

void SessionRun::EndTraining() {
  if (work_->num_steps() == 0 && !limit_.ok()) {
    return session_.OnTrained(absl::FailedPreconditionError(limit_.why),
                              limit_.reason);
  }
  const Objection objection = work_->Finish(WhyEarly());
  if (!objection.why.ok()) {
    return session_.OnTrained(objection.why, objection.reason);
  }
  const bool is_kept = work_->pending().has_value();
  if (is_kept) update_ = work_->TakeEncoded();
  has_saved_ = is_kept;
  const learning::LocalUpdate& update = work_->update();
  SessionReport& report = result_.report;
  report.base_loss = update.base_score.loss();
  report.base_accuracy = update.base_score.accuracy();
  report.num_steps = update.num_steps;
  Tell(ClientEvent::kTrained, update.num_steps, " steps on ",
       update.num_examples, " examples", work_->less().empty() ? "" : ", ",
       work_->less(), update.complete ? "" : ", stopped early",
       limit_.ok() ? "" : ": ", limit_.why);
  if (const absl::Status& diverged = work_->diverged(); !diverged.ok()) {
    Tell(ClientEvent::kTrained, diverged.message(),
         ": zeros count in place of an update, for the task is private");
  }
  session_.OnTrained(work_->pending(), AbandonReason::kConditions);
  options_.failpoints.Reach(Failpoint::kAfterTrain);
}

absl::Duration SessionRun::Perform(const DoQueryUpload& action,
                                   absl::Duration max_wait) {
  auto answer = Move(
      [&] {
        return QueryCall{action.upload.token, action.upload.digest};
      },
      max_wait);
  if (!answer.has_value()) return NextLook(max_wait);
  session_.OnQueried(As<protocol::UploadProgress>(*std::move(answer)));
  return absl::ZeroDuration();
}

absl::Duration SessionRun::Perform(const DoUpload& action,
                                   absl::Duration max_wait) {
  auto answer = Move(
      [&] {
        return UploadCall{action.header, update_};
      },
      max_wait);
  if (!answer.has_value()) return NextLook(max_wait);
  session_.OnUploaded(As<protocol::UploadReceipt>(*std::move(answer)));
  return absl::ZeroDuration();
}

absl::Duration SessionRun::Perform(const DoAggregate& action,
                                   absl::Duration max_wait) {
  auto answer = Move([&] { return AggregateCall{action.request}; }, max_wait);
  if (!answer.has_value()) return NextLook(max_wait);
  session_.OnAggregated(As<protocol::AggregateAnswer>(*std::move(answer)));
  return absl::ZeroDuration();
}

absl::Duration SessionRun::Perform(const DoAbandon& action,
                                   absl::Duration max_wait) {
  if (!calling_) {
    result_.reason = action.reason;
    Tell(ClientEvent::kAbandoned, protocol::ToString(action.reason), ": ",
         action.why.message());
  }
  auto answer = Move(
      [&] {
        return AbandonCall{action.token, action.reason};
      },
      max_wait);
  if (!answer.has_value()) return NextLook(max_wait);
  session_.OnAbandoned(As<absl::Duration>(*std::move(answer)));
  return absl::ZeroDuration();
}

absl::Duration SessionRun::Perform(const DoWait& action, absl::Duration) {
  const absl::Duration now = options_.clock->Monotonic();
  if (!wake_.has_value()) {
    if (!action.why.ok()) {
      Tell(ClientEvent::kRetrying, "in ", HumanDuration(action.delay), ": ",
           action.why.message());
    }
    wake_ = now + action.delay;
    if (work_.has_value() && work_->group() != nullptr) {
      wake_ = std::min(*wake_, std::max(now, work_->group_until()));
    }
  }
  if (now < *wake_) return *wake_ - now;
  wake_.reset();
  session_.OnWaited();
  return absl::ZeroDuration();
}

absl::Duration SessionRun::Perform(const SessionEnd& end, absl::Duration) {
  over_ = true;
  error_ = Clear(end);
  error_.Update(limits_.End());
  if (!error_.ok()) return absl::ZeroDuration();
  CloseReport(ToReport(end.outcome), end.next_check_in);
  SessionReport& report = result_.report;
  result_.failures = end.failures;
  if (end.receipt.has_value()) {
    report.explanation =
        absl::StrCat("the update counts in round ", report.round_id,
                     " of task ", report.task);
    Tell(ClientEvent::kUploaded, report.explanation);
    Tell(ClientEvent::kEnded, "come back in ",
         HumanDuration(end.next_check_in));
  } else {
    report.explanation = std::string(end.reason.message());
    Tell(ClientEvent::kEnded, report.explanation);
  }
  return absl::ZeroDuration();
}

void SessionRun::CloseReport(SessionReport::Outcome outcome,
                             absl::Duration next_check_in) {
  SessionReport& report = result_.report;
  report.outcome = outcome;
  report.next_check_in = next_check_in;
  report.bytes_sent = transport_.bytes_sent() - sent_before_;
  report.bytes_received = transport_.bytes_received() - received_before_;
  if (limits_.spent().has_value()) {
    report.energy_joules = limits_.spent()->joules;
  }
}

absl::Status SessionRun::Clear(const SessionEnd& end) {
  if (!has_saved_ || end.keep_pending) return absl::OkStatus();
  // First what goes with the update: after a crash in between the upload is
  // asked about again.
  if (end.receipt.has_value()) {
    SHOAL_RETURN_IF_ERROR(state_.AdoptControl(result_.report.task));
  }
  return state_.ClearPending();
}

absl::StatusOr<SessionResult> RunSession(
    SessionRunOptions options, Transport& transport, ClientState& state,
    TrainingSource source, const std::function<void(absl::Duration)>& wait) {
  SHOAL_ASSIGN_OR_RETURN(
      const auto run,
      SessionRun::Create(std::move(options), transport, state, source));
  while (!run->over()) {
    const absl::Duration next = run->Tick(absl::InfiniteDuration());
    if (next > absl::ZeroDuration()) wait(next);
  }
  return run->result();
}

uint64_t DeviceSeed(uint64_t federation_seed, int index) {
  return DeriveSeed(federation_seed, "device", {static_cast<uint64_t>(index)});
}

}  // namespace shoal::client
