#include "client/session.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "protocol/refusal.h"

namespace shoal::client {
namespace {

using protocol::AbandonReason;

// Beyond it base_backoff * 2^n has long passed every max_backoff.
constexpr int kMaxDoublings = 30;

// Its key is barred for good, and only another enrolment helps. It asks so
// seldom that it costs nobody anything, and finds out when a coordinator that
// was set up anew knows nothing of that.
constexpr absl::Duration kForgottenPause = absl::Hours(24);

SessionAction FirstAction(const SessionOptions& options,
                          const std::optional<PendingUpload>& pending) {
  if (pending.has_value()) return DoQueryUpload{*pending};
  return DoCheckIn{options.check_in};
}

// The error that stands for "come back later".
absl::Status ReasonOf(const protocol::RetryAfter& answer) {
  const auto code = protocol::RefusalCodeFromName(answer.code);
  if (code.has_value()) {
    return protocol::RefusalError(*code, answer.sentence, answer.delay);
  }
  return absl::UnavailableError(
      absl::StrCat(answer.code, ": ", answer.sentence));
}

absl::Status CheckSpoken(protocol::ProtocolVersion spoken,
                         protocol::ProtocolVersion ours) {
  if (spoken.major == ours.major && spoken.minor <= ours.minor) {
    return absl::OkStatus();
  }
  return protocol::RefusalError(
      protocol::RefusalCode::kProtocolIncompatible,
      absl::StrCat("the coordinator wants to speak protocol ", spoken.major,
                   ".", spoken.minor, ", this device speaks up to ", ours.major,
                   ".", ours.minor));
}

}  // namespace

DeviceSession::DeviceSession(SessionOptions options,
                             std::optional<PendingUpload> pending,
                             uint64_t jitter_seed)
    : options_(std::move(options)),
      jitter_(jitter_seed),
      action_(FirstAction(options_, pending)),
      pending_(std::move(pending)) {
  SHOAL_CHECK(options_.max_attempts >= 1);
}

void DeviceSession::OnCheckIn(
    const absl::StatusOr<protocol::CheckInAnswer>& result) {
  SHOAL_CHECK(std::holds_alternative<DoCheckIn>(action_));
  if (!result.ok()) {
    const FailureKind kind = KindOfFailure(result.status());
    if (kind == FailureKind::kTransient) {
      RetryLater(action_, result.status());
    } else {
      EndFailed(kind, result.status());
    }
    return;
  }
  const absl::Status spoken =
      CheckSpoken(result->protocol, options_.check_in.protocol);
  if (!spoken.ok()) return EndFailed(FailureKind::kBarred, spoken);
  failures_ = 0;
  if (const auto* later = std::get_if<protocol::RetryAfter>(&result->answer)) {
    End(SessionEnd::kNotAssigned, later->delay, ReasonOf(*later), false);
    return;
  }
  Accept(std::get<protocol::Assignment>(result->answer));
}

void DeviceSession::Accept(const protocol::Assignment& assignment) {
  assignment_ = assignment;
  action_ = DoFetch{assignment.model};
}

void DeviceSession::OnFetched(const absl::Status& result,
                              AbandonReason reason) {
  SHOAL_CHECK(std::holds_alternative<DoFetch>(action_));
  if (result.ok()) {
    failures_ = 0;
    action_ = DoTrain{*assignment_};
    return;
  }
  const FailureKind kind = KindOfFailure(result);
  const bool hopeless =
      absl::IsDataLoss(result) && failures_ + 1 >= options_.max_attempts;
  if (kind == FailureKind::kTransient && !hopeless) {
    return RetryLater(action_, result);
  }
  const bool refused = protocol::RefusalOf(result).has_value();
  if (refused || (kind != FailureKind::kFinal && !hopeless)) {
    return EndFailed(kind, result);
  }
  Abandon(reason, result);
}

void DeviceSession::OnTrained(
    const absl::StatusOr<std::optional<PendingUpload>>& result,
    AbandonReason reason) {
  SHOAL_CHECK(std::holds_alternative<DoTrain>(action_));
  if (!result.ok()) {
    return Abandon(reason, result.status());
  }
  if (!result->has_value()) {
    action_ = DoMakeKeys{};
    return;
  }
  pending_ = *result;
  StartUpload(0);
}

void DeviceSession::StartUpload(int64_t offset) {
  action_ = DoUpload{{.token = pending_->token,
                      .digest = pending_->digest,
                      .num_bytes = pending_->num_bytes,
                      .offset = offset}};
}

void DeviceSession::OnQueried(
    const absl::StatusOr<protocol::UploadProgress>& result) {
  SHOAL_CHECK(std::holds_alternative<DoQueryUpload>(action_));
  if (!result.ok()) return OnTransferFailed(result.status());
  if (result->receipt.has_value()) return OnReceipt(*result->receipt);
  const int64_t received = result->received_bytes;
  if (received < 0 || received > pending_->num_bytes) {
    return OnTransferFailed(absl::InternalError(
        absl::StrCat("the coordinator says it holds ", received,
                     " bytes of an update of ", pending_->num_bytes)));
  }
  if (received > received_bytes_) failures_ = 0;
  received_bytes_ = received;
  StartUpload(received);
}

void DeviceSession::OnUploaded(
    const absl::StatusOr<protocol::UploadReceipt>& result) {
  SHOAL_CHECK(std::holds_alternative<DoUpload>(action_));
  if (!result.ok()) return OnTransferFailed(result.status());
  OnReceipt(*result);
}

void DeviceSession::OnReceipt(const protocol::UploadReceipt& receipt) {
  const bool goes_on = group_.has_value() && receipt.digest == pending_->digest;
  if (!goes_on) return EndWithReceipt(receipt);
  failures_ = 0;
  AskGroup();
}

void DeviceSession::EndWithReceipt(const protocol::UploadReceipt& receipt) {
  if (receipt.digest != pending_->digest) {
    return EndFailed(
        FailureKind::kFinal,
        protocol::RefusalError(
            protocol::RefusalCode::kDigestConflict,
            absl::StrCat("the receipt is for update ",
                         receipt.digest.ToShortHex(), ", expected ",
                         pending_->digest.ToShortHex())));
  }
  failures_ = 0;
  SessionEnd end;
  end.outcome = SessionEnd::kContributed;
  end.next_check_in = receipt.next_check_in;
  end.receipt = receipt;
  action_ = std::move(end);
}

void DeviceSession::OnTransferFailed(const absl::Status& why) {
  if (group_.has_value() && IsRefusal(why, protocol::RefusalCode::kGroupOver)) {
    return JoinAnother(why);
  }
  const FailureKind kind = KindOfFailure(why);
  if (kind == FailureKind::kTransient || kind == FailureKind::kResume) {
    RetryLater(DoQueryUpload{*pending_}, why);
  } else {
    EndFailed(kind, why);
  }
}

void DeviceSession::Abandon(AbandonReason reason, const absl::Status& why) {
  action_ = DoAbandon{assignment_->token, reason, why};
}

void DeviceSession::OnAbandoned(const absl::StatusOr<absl::Duration>& result) {
  SHOAL_CHECK(std::holds_alternative<DoAbandon>(action_));
  // Giving up is a courtesy: when it does not arrive, the coordinator finds
  // out at the deadline.
  ++failures_;
  const absl::Status why = std::get<DoAbandon>(action_).why;
  const absl::Duration delay =
      result.ok() ? *result
                  : std::max(RetryAfterOf(result.status()), Backoff());
  End(absl::IsCancelled(why) ? SessionEnd::kStopped : SessionEnd::kAbandoned,
      delay, why, false);
}

void DeviceSession::OnWaited() {
  SHOAL_CHECK(std::holds_alternative<DoWait>(action_));
  SHOAL_CHECK(after_wait_.has_value());
  action_ = *std::move(after_wait_);
  after_wait_.reset();
}

bool DeviceSession::IsEnding() const {
  return std::holds_alternative<SessionEnd>(action_) ||
         std::holds_alternative<DoAbandon>(action_);
}

void DeviceSession::HoldBack(AbandonReason reason, const absl::Status& why,
                             absl::Duration retry_after) {
  if (IsEnding()) return;
  if (assignment_.has_value() && !pending_.has_value()) {
    return Abandon(reason, why);
  }
  const bool is_told = retry_after > absl::ZeroDuration() &&
                       retry_after < absl::InfiniteDuration();
  End(SessionEnd::kHeldBack, is_told ? retry_after : LongBackoff(), why,
      pending_.has_value());
}

void DeviceSession::Stop() {
  if (IsEnding()) return;
  const absl::Status stopped = absl::CancelledError("the device has to stop");
  if (assignment_.has_value() && !pending_.has_value()) {
    return Abandon(AbandonReason::kShutdown, stopped);
  }
  EndFailed(FailureKind::kCancelled, stopped);
}

absl::Duration DeviceSession::Backoff() {
  const int doublings =
      std::min(options_.earlier_failures + failures_, kMaxDoublings);
  const absl::Duration ceiling =
      std::min(options_.max_backoff,
               options_.base_backoff * static_cast<double>(1 << doublings));
  return ceiling * jitter_.Uniform();
}

absl::Duration DeviceSession::LongBackoff() {
  return options_.max_backoff * (0.5 + 0.5 * jitter_.Uniform());
}

void DeviceSession::RetryLater(SessionAction again, const absl::Status& why) {
  ++failures_;
  const absl::Duration delay = std::max(RetryAfterOf(why), Backoff());
  if (failures_ < options_.max_attempts) {
    after_wait_ = std::move(again);
    action_ = DoWait{delay, why};
    return;
  }
  // An update whose digest never arrives right is damaged here: trying it
  // again in another session would not help.
  const bool damaged = IsRefusal(why, protocol::RefusalCode::kDigestMismatch);
  End(damaged ? SessionEnd::kRefused : SessionEnd::kUnreachable, delay, why,
      pending_.has_value() && !damaged);
}

void DeviceSession::EndFailed(FailureKind kind, const absl::Status& why) {
  if (kind != FailureKind::kCancelled) ++failures_;
  switch (kind) {
    case FailureKind::kCancelled:
      return End(SessionEnd::kStopped, absl::ZeroDuration(), why,
                 pending_.has_value());
    case FailureKind::kBarred: {
      const absl::Duration pause =
          IsRefusal(why, protocol::RefusalCode::kForgotten) ? kForgottenPause
                                                            : LongBackoff();
      return End(SessionEnd::kRefused, std::max(RetryAfterOf(why), pause), why,
                 pending_.has_value());
    }
    case FailureKind::kTransient:
    case FailureKind::kResume:
      return End(SessionEnd::kUnreachable,
                 std::max(RetryAfterOf(why), Backoff()), why,
                 pending_.has_value());
    case FailureKind::kFinal: {
      const absl::Duration advice = RetryAfterOf(why);
      return End(SessionEnd::kRefused,
                 advice > absl::ZeroDuration() ? advice : Backoff(), why,
                 false);
    }
  }
}

void DeviceSession::End(SessionEnd::Outcome outcome,
                        absl::Duration next_check_in,
                        const absl::Status& reason, bool keep_pending) {
  SessionEnd end;
  end.outcome = outcome;
  end.next_check_in = next_check_in;
  end.reason = reason;
  end.keep_pending = keep_pending;
  end.failures = failures_ == 0 ? 0 : options_.earlier_failures + failures_;
  action_ = std::move(end);
}

}  // namespace shoal::client
