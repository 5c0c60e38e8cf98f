#include "client/session_driver.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/human_duration.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "base/version.h"
#include "client/device_plan.h"
#include "client/private_values.h"
#include "client/session.h"
#include "learning/local_update.h"
#include "learning/update_codec.h"

namespace shoal::client {
namespace {

using protocol::AbandonReason;

SessionOptions MakeSessionOptions(const SessionDriverOptions& options,
                                  const learning::Dataset& data) {
  SessionOptions session;
  session.check_in.population = options.population;
  session.check_in.num_examples = data.num_examples();
  session.check_in.memory_bytes = options.memory_bytes;
  session.check_in.sdk_version = Version();
  session.check_in.codecs = {learning::UpdateCodec::kFloat32};
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
  }
  SHOAL_CHECK(false);
}

// An error of this device's own storage, told apart from the coordinator's.
absl::Status StorageError(const absl::Status& status) {
  return absl::FailedPreconditionError(
      absl::StrCat("this device's state: ", status.message()));
}

class SessionRun {
 public:
  SessionRun(const SessionDriverOptions& options, Transport& transport,
             ClientState& state, const learning::Dataset& data,
             std::optional<SavedUpload> saved)
      : options_(options),
        transport_(transport),
        state_(state),
        data_(data),
        session_(
            MakeSessionOptions(options, data),
            saved.has_value() ? std::optional(saved->pending) : std::nullopt,
            options.jitter_seed),
        sent_before_(transport.bytes_sent()),
        received_before_(transport.bytes_received()) {
    if (!saved.has_value()) return;
    report_.task = saved->pending.task;
    report_.round_id = saved->pending.round_id;
    update_ = std::move(saved->update);
    has_saved_ = true;
  }

  absl::StatusOr<SessionResult> Run();

 private:
  void Perform(const DoCheckIn& action);
  void Perform(const DoFetch& action);
  void Perform(const DoTrain& action);
  void Perform(const DoQueryUpload& action);
  void Perform(const DoUpload& action);
  void Perform(const DoAbandon& action);
  void Perform(const DoWait& action);
  void Perform(const SessionEnd&) {}

  // Checks the plan, once, before anything is downloaded.
  Objection Prepare();
  // Leaves the model in base_. `reason` says what an error is given up with.
  absl::Status Obtain(const protocol::ModelReference& reference,
                      AbandonReason& reason);
  absl::Status Download(const protocol::ModelReference& reference,
                        AbandonReason& reason);
  absl::StatusOr<PendingUpload> Train(const protocol::Assignment& assignment,
                                      AbandonReason& reason);
  absl::StatusOr<PendingUpload> Save(const protocol::Assignment& assignment,
                                     const learning::LocalUpdate& update);
  // When training has to end so that the update still arrives in time.
  absl::Duration TrainUntil(const protocol::Assignment& assignment) const;
  absl::Status EndSession(const SessionEnd& end);
  // Concatenates the detail's parts, if anybody listens.
  template <typename... Parts>
  void Tell(ClientEvent::Kind kind, const Parts&... parts) const {
    if (options_.on_event) options_.on_event({kind, absl::StrCat(parts...)});
  }

  const SessionDriverOptions& options_;
  Transport& transport_;
  ClientState& state_;
  const learning::Dataset& data_;
  DeviceSession session_;
  const int64_t sent_before_;
  const int64_t received_before_;

  std::unique_ptr<DeviceModel> model_;
  learning::ParameterVector taken_out_;  // of a sub-model
  HeldModel base_;
  absl::Duration deadline_;    // of the round, on the monotonic clock
  absl::Duration fetch_time_;  // of the bytes that were downloaded
  std::string update_;         // encoded
  bool has_saved_ = false;     // state_ holds update_
  bool stopped_ = false;
  SessionReport report_;
};

absl::StatusOr<SessionResult> SessionRun::Run() {
  while (!std::holds_alternative<SessionEnd>(session_.Next())) {
    if (!stopped_ && options_.must_stop()) {
      stopped_ = true;
      session_.Stop();
      continue;
    }
    const SessionAction action = session_.Next();
    std::visit([this](const auto& step) { Perform(step); }, action);
  }
  const SessionEnd& end = std::get<SessionEnd>(session_.Next());
  SHOAL_RETURN_IF_ERROR(EndSession(end));
  return SessionResult{report_, end.failures};
}

void SessionRun::Perform(const DoCheckIn& action) {
  const auto answer = transport_.CheckIn(action.message);
  session_.OnCheckIn(answer);
  if (!answer.ok()) return;
  Tell(ClientEvent::kCheckedIn, "population ", options_.population, ", ",
       data_.num_examples(), " examples");
  if (!session_.assignment().has_value()) return;
  const protocol::Assignment& assignment = *session_.assignment();
  deadline_ = options_.clock->Monotonic() + assignment.time_left;
  report_.task = assignment.task;
  report_.round_id = assignment.round_id;
  report_.model_version = assignment.model.version;
  Tell(ClientEvent::kAssigned, "round ", assignment.round_id, " of task ",
       assignment.task);
}

void SessionRun::Perform(const DoFetch& action) {
  Objection objection = Prepare();
  if (objection.why.ok()) {
    objection.why = Obtain(action.model, objection.reason);
  }
  if (absl::IsCancelled(objection.why) && options_.must_stop()) return;
  session_.OnFetched(objection.why, objection.reason);
  if (!objection.why.ok()) return;
  Tell(ClientEvent::kFetched, "model version ", action.model.version, ", ",
       action.model.num_bytes, " bytes");
  options_.failpoints.Reach(Failpoint::kAfterFetch);
}

Objection SessionRun::Prepare() {
  if (model_ != nullptr) return {};
  const protocol::Assignment& assignment = *session_.assignment();
  DeviceChoice choice = ChooseModel(assignment, data_, options_.memory_bytes);
  model_ = std::move(choice.model);
  return choice.objection;
}

absl::Status SessionRun::Obtain(const protocol::ModelReference& reference,
                                AbandonReason& reason) {
  auto held = state_.LoadModel(reference.digest);
  if (held.ok()) {
    base_ = *std::move(held);
  } else if (absl::IsNotFound(held.status()) ||
             absl::IsDataLoss(held.status())) {
    SHOAL_RETURN_IF_ERROR(Download(reference, reason));
  } else {
    reason = AbandonReason::kConditions;
    return StorageError(held.status());
  }
  SHOAL_RETURN_IF_ERROR(CheckLayout(base_.view.layout, model_->whole()));
  const NewestModel newest = {session_.assignment()->task,
                              model_->whole().spec(), reference.digest,
                              reference.version, model_->width()};
  const auto known = state_.LoadNewest();
  if (known.ok() && *known == newest) return absl::OkStatus();
  const absl::Status saved = state_.SaveNewest(newest);
  if (saved.ok()) return saved;
  reason = AbandonReason::kConditions;
  return StorageError(saved);
}

absl::Status SessionRun::Download(const protocol::ModelReference& reference,
                                  AbandonReason& reason) {
  const auto begun = state_.BeginModel(reference.digest);
  if (!begun.ok()) {
    reason = AbandonReason::kConditions;
    return StorageError(begun.status());
  }
  int64_t held = *begun;
  const absl::Duration start = options_.clock->Monotonic();
  const auto sink = [&](absl::string_view bytes) -> absl::Status {
    if (options_.must_stop()) return absl::CancelledError("the device stops");
    held += static_cast<int64_t>(bytes.size());
    if (held > reference.num_bytes) {
      return absl::DataLossError(
          absl::StrCat("the model is longer than the announced ",
                       reference.num_bytes, " bytes"));
    }
    const absl::Status appended = state_.AppendModel(bytes);
    if (appended.ok()) return appended;
    reason = AbandonReason::kConditions;
    return StorageError(appended);
  };
  if (held < reference.num_bytes) {
    SHOAL_RETURN_IF_ERROR(transport_.FetchModel(reference.digest, held, sink));
  }
  if (held < reference.num_bytes) {
    return absl::UnavailableError(absl::StrCat(
        "the model ended after ", held, " of ", reference.num_bytes, " bytes"));
  }
  fetch_time_ = options_.clock->Monotonic() - start;
  auto model = state_.FinishModel();
  if (model.ok()) {
    base_ = *std::move(model);
    return absl::OkStatus();
  }
  if (absl::IsDataLoss(model.status())) return model.status();
  reason = AbandonReason::kConditions;
  return StorageError(model.status());
}

void SessionRun::Perform(const DoTrain& action) {
  AbandonReason reason = AbandonReason::kTraining;
  const absl::StatusOr<PendingUpload> pending =
      Train(action.assignment, reason);
  if (absl::IsCancelled(pending.status())) return;
  session_.OnTrained(pending, reason);
  if (pending.ok()) options_.failpoints.Reach(Failpoint::kAfterTrain);
}

absl::Duration SessionRun::TrainUntil(
    const protocol::Assignment& assignment) const {
  // The upload is taken to be as fast as the download was, or half as fast to
  // be sure; a tenth of the time is kept in any case.
  const absl::Duration tenth = assignment.time_left / 10;
  return deadline_ - std::max(tenth, 2 * fetch_time_);
}

absl::StatusOr<PendingUpload> SessionRun::Train(
    const protocol::Assignment& assignment, AbandonReason& reason) {
  const protocol::Plan& plan = assignment.plan;
  const absl::Duration until = TrainUntil(assignment);
  bool out_of_time = false;
  const auto keep_going = [&] {
    if (options_.must_stop()) return false;
    out_of_time = options_.clock->Monotonic() >= until;
    return !out_of_time;
  };
  const absl::StatusOr<learning::ParameterVector> own =
      LoadPrivateValues(state_, assignment.task, model_->model());
  if (!own.ok()) {
    reason = AbandonReason::kConditions;
    return StorageError(own.status());
  }
  const uint64_t round = static_cast<uint64_t>(assignment.round_number);
  learning::LocalRun run;
  run.seed = DeriveSeed(options_.seed, "train", {round});
  run.round = assignment.model.version;
  run.private_values = *own;
  run.keep_going = keep_going;
  const auto limit = MemoryLimit(plan, options_.memory_bytes);
  if (limit.has_value()) run.memory_bytes = BlockBytes(model_->model(), *limit);
  const absl::StatusOr<learning::LocalUpdate> update =
      learning::ComputeLocalUpdate(
          model_->model(),
          model_->Parameters(base_.view.parameters, taken_out_), data_,
          plan.training, plan.algorithm, run);
  const bool complete = update.ok() && update->complete;
  if (!complete && options_.must_stop()) {
    return absl::CancelledError("the device stops");
  }
  if (!update.ok()) {
    if (out_of_time) reason = AbandonReason::kConditions;
    return update.status();
  }
  report_.base_loss = update->base_score.loss();
  report_.base_accuracy = update->base_score.accuracy();
  report_.num_steps = update->num_steps;
  absl::StatusOr<PendingUpload> pending = Save(assignment, *update);
  if (!pending.ok()) reason = AbandonReason::kConditions;
  return pending;
}

absl::StatusOr<PendingUpload> SessionRun::Save(
    const protocol::Assignment& assignment,
    const learning::LocalUpdate& update) {
  const learning::UpdateReport report = {
      .num_examples = update.num_examples,
      .num_steps = update.num_steps,
      .base_loss_sum = update.base_score.loss_sum,
      .base_num_correct = update.base_score.num_correct.value_or(0)};
  update_ = learning::EncodeUpdate(assignment.plan.codec, report, update.delta);
  const absl::Duration left = deadline_ - options_.clock->Monotonic();
  const PendingUpload pending = {
      .token = assignment.token,
      .task = assignment.task,
      .round_id = assignment.round_id,
      .digest = Sha256(update_),
      .num_bytes = static_cast<int64_t>(update_.size()),
      .deadline = options_.clock->Now() + left};
  if (!update.private_values.empty()) {
    const absl::Status kept = state_.SavePrivate(
        assignment.task,
        {model_->model().private_layout(), update.private_values});
    if (!kept.ok()) return StorageError(kept);
  }
  const absl::Status saved = state_.SavePending(pending, update_);
  if (!saved.ok()) return StorageError(saved);
  has_saved_ = true;
  Tell(ClientEvent::kTrained, update.num_steps, " steps on ",
       update.num_examples, " examples",
       model_->width() == 1
           ? ""
           : absl::StrCat(", a sub-model of width ", model_->width()),
       update.complete ? "" : ", stopped early");
  return pending;
}

void SessionRun::Perform(const DoQueryUpload& action) {
  session_.OnQueried(
      transport_.QueryUpload(action.upload.token, action.upload.digest));
}

void SessionRun::Perform(const DoUpload& action) {
  session_.OnUploaded(transport_.Upload(action.header, update_));
}

void SessionRun::Perform(const DoAbandon& action) {
  Tell(ClientEvent::kAbandoned, protocol::ToString(action.reason), ": ",
       action.why.message());
  session_.OnAbandoned(transport_.Abandon(action.token, action.reason));
}

void SessionRun::Perform(const DoWait& action) {
  Tell(ClientEvent::kRetrying, "in ", HumanDuration(action.delay), ": ",
       action.why.message());
  options_.wait(action.delay);
  session_.OnWaited();
}

absl::Status SessionRun::EndSession(const SessionEnd& end) {
  if (has_saved_ && !end.keep_pending) {
    SHOAL_RETURN_IF_ERROR(state_.ClearPending());
  }
  report_.outcome = ToReport(end.outcome);
  report_.next_check_in = end.next_check_in;
  report_.bytes_sent = transport_.bytes_sent() - sent_before_;
  report_.bytes_received = transport_.bytes_received() - received_before_;
  if (end.receipt.has_value()) {
    report_.explanation =
        absl::StrCat("the update counts in round ", report_.round_id,
                     " of task ", report_.task);
    Tell(ClientEvent::kUploaded, report_.explanation);
    Tell(ClientEvent::kEnded, "come back in ",
         HumanDuration(end.next_check_in));
  } else {
    report_.explanation = std::string(end.reason.message());
    Tell(ClientEvent::kEnded, report_.explanation);
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<SessionResult> RunSession(const SessionDriverOptions& options,
                                         Transport& transport,
                                         ClientState& state,
                                         const learning::Dataset& data) {
  SHOAL_CHECK(options.clock != nullptr && options.wait && options.must_stop);
  absl::StatusOr<std::optional<SavedUpload>> saved = state.LoadPending();
  if (absl::IsDataLoss(saved.status())) {
    if (options.on_event) {
      options.on_event(
          {ClientEvent::kAbandoned, std::string(saved.status().message())});
    }
    SHOAL_RETURN_IF_ERROR(state.ClearPending());
    saved = std::optional<SavedUpload>();
  }
  SHOAL_RETURN_IF_ERROR(saved.status());
  return SessionRun(options, transport, state, data, *std::move(saved)).Run();
}

uint64_t DeviceSeed(uint64_t federation_seed, int index) {
  return DeriveSeed(federation_seed, "device", {static_cast<uint64_t>(index)});
}

}  // namespace shoal::client
