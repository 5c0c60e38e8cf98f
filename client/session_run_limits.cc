// When a session has to rest, to end its training, or to end: by the device's
// limits, and by whoever runs it.
#include <algorithm>
#include <variant>

#include "base/check.h"
#include "client/session_run.h"

namespace shoal::client {

void SessionRun::AskLimits() {
  if (permission_ == Permission::kPause || stopped_) return;
  const SessionAction& action = session_.Next();
  const bool was_begun = limits_.begun();
  limit_ = AskAbout(action);
  if (limit_.ok()) return;
  if (std::holds_alternative<DoTrain>(action)) {
    permission_ = limit_.kind == Verdict::kPause ? Permission::kPause
                                                 : Permission::kFinishTraining;
    return;
  }
  // A download may rest while there is time; what is uploaded goes on in
  // another session.
  const bool may_rest = was_begun && limit_.kind == Verdict::kPause &&
                        std::holds_alternative<DoFetch>(action) &&
                        options_.clock->Monotonic() < work_->train_until();
  if (may_rest) {
    permission_ = Permission::kPause;
  } else {
    HoldBack(limit_);
  }
}

Verdict SessionRun::AskAbout(const SessionAction& action) {
  if (std::holds_alternative<DoCheckIn>(action) ||
      std::holds_alternative<DoQueryUpload>(action)) {
    if (!limits_.begun()) return limits_.Begin(pending_);
    return calling_ ? Verdict() : limits_.DuringTransfer();
  }
  if (std::holds_alternative<DoFetch>(action)) {
    return work_->chosen() ? limits_.DuringTransfer() : Verdict();
  }
  if (const auto* upload = std::get_if<DoUpload>(&action)) {
    if (calling_) return limits_.DuringTransfer();
    return limits_.BeforeUpload(upload->header.num_bytes -
                                upload->header.offset);
  }
  if (std::holds_alternative<DoMakeKeys>(action) ||
      std::holds_alternative<DoAggregate>(action) ||
      std::holds_alternative<DoAnswerGroup>(action)) {
    if (options_.clock->Monotonic() < work_->group_until()) {
      return limits_.DuringTransfer();
    }
    Verdict verdict;
    verdict.kind = Verdict::kStop;
    verdict.why =
        "the round's deadline is long over, and its group has not finished";
    return verdict;
  }
  return WillTrain() ? limits_.BeforeStep() : Verdict();
}

bool SessionRun::WillTrain() const {
  return IsTraining() && !work_->done() && permission_ == Permission::kGoOn &&
         options_.clock->Monotonic() < work_->train_until();
}

void SessionRun::HoldBack(const Verdict& verdict) {
  DropCall();
  DropWork();
  result_.reason = verdict.reason;
  session_.HoldBack(verdict.reason, absl::FailedPreconditionError(verdict.why),
                    verdict.retry_after);
}

void SessionRun::DropCall() {
  if (calling_) transport_.Drop();
  calling_ = false;
}

bool SessionRun::WaitsForGroup() const {
  return calling_ && std::holds_alternative<DoAggregate>(session_.Next());
}

void SessionRun::DropWork() {
  fetch_.reset();
  work_.reset();
  wake_.reset();
}

void SessionRun::Stop() {
  stopped_ = true;
  DropWork();
  session_.Stop();
}

absl::Duration SessionRun::Withdraw() {
  DropCall();
  DropWork();
  over_ = true;
  if (has_saved_) error_ = state_.ClearPending();
  error_.Update(limits_.End());
  CloseReport(SessionReport::kHeldBack, options_.max_backoff);
  result_.report.explanation =
      "the device's owner has ended the session: nothing more is sent";
  Tell(ClientEvent::kEnded, result_.report.explanation);
  return absl::ZeroDuration();
}

bool SessionRun::MustFinish() const {
  const SessionAction& action = session_.Next();
  if (calling_ || std::holds_alternative<DoAbandon>(action) ||
      std::holds_alternative<SessionEnd>(action)) {
    return true;
  }
  return IsTraining() && options_.clock->Monotonic() >= work_->train_until();
}

absl::Duration SessionRun::Pause() {
  if (!resting_) {
    resting_ = true;
    fetch_.reset();
    transport_.Close();
    Tell(ClientEvent::kPaused, limit_.ok()
                                   ? "the device's conditions do not allow work"
                                   : limit_.why);
  }
  if (!IsTraining()) return options_.pause_interval;
  return std::clamp(work_->train_until() - options_.clock->Monotonic(),
                    absl::ZeroDuration(), options_.pause_interval);
}

void SessionRun::Resume() {
  if (!resting_) return;
  resting_ = false;
  Tell(ClientEvent::kResumed, "the device's conditions allow work again");
}

}  // namespace shoal::client
