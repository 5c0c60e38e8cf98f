// What a device session makes of the answers of its groups.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "client/session.h"
#include "protocol/refusal.h"

namespace shoal::client {

using protocol::AbandonReason;

namespace {

// A coordinator that answered at once would keep the device busy.
constexpr absl::Duration kLeastWait = absl::Milliseconds(20);

}  // namespace

void DeviceSession::OnKeys(const absl::StatusOr<std::string>& advertise,
                           AbandonReason reason) {
  SHOAL_CHECK(std::holds_alternative<DoMakeKeys>(action_));
  if (!advertise.ok()) return LeaveGroup(reason, advertise.status());
  group_ = Group();
  group_->advertise = *advertise;
  AskGroup();
}

void DeviceSession::TellGroup(const std::string& message) {
  action_ = DoAggregate{{.token = assignment_->token,
                         .session = group_->session,
                         .message = message}};
}

void DeviceSession::AskGroup() {
  TellGroup(group_->session.has_value() ? "" : group_->advertise);
}

void DeviceSession::OnAggregated(
    const absl::StatusOr<protocol::AggregateAnswer>& result) {
  SHOAL_CHECK(std::holds_alternative<DoAggregate>(action_));
  if (!result.ok()) return OnAggregateFailed(result.status());
  failures_ = 0;
  if (const auto* over = std::get_if<protocol::GroupAfresh>(&result->next)) {
    return JoinAnother(absl::AbortedError(over->why));
  }
  const absl::Status right = CheckSession(result->session);
  if (!right.ok()) return LeaveGroup(AbandonReason::kConditions, right);
  if (result->session.has_value()) group_->session = result->session;
  if (const auto* wait = std::get_if<protocol::GroupWait>(&result->next)) {
    AskGroup();
    after_wait_ = std::move(action_);
    action_ = DoWait{std::max(wait->delay, kLeastWait), absl::OkStatus()};
    return;
  }
  absl::Status broken;
  if (const auto* message =
          std::get_if<protocol::GroupMessage>(&result->next)) {
    if (group_->session.has_value()) {
      action_ = DoAnswerGroup{*group_->session, message->bytes};
      return;
    }
    broken = absl::InvalidArgumentError(
        "the coordinator sends a message of no group");
  } else if (pending_.has_value()) {
    return EndWithReceipt(std::get<protocol::UploadReceipt>(result->next));
  } else {
    broken = absl::FailedPreconditionError(
        "the coordinator acknowledges an update that this device has not "
        "masked");
  }
  LeaveGroup(AbandonReason::kConditions, broken);
}

absl::Status DeviceSession::CheckSession(
    const std::optional<Digest>& session) const {
  if (!session.has_value() || !group_->session.has_value() ||
      *session == *group_->session) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the coordinator speaks of group ", session->ToShortHex(),
      ", this device is in group ", group_->session->ToShortHex()));
}

void DeviceSession::OnAggregateFailed(const absl::Status& why) {
  if (IsRefusal(why, protocol::RefusalCode::kGroupOver)) {
    return JoinAnother(why);
  }
  const FailureKind kind = KindOfFailure(why);
  if (kind == FailureKind::kTransient) return RetryLater(action_, why);
  EndFailed(kind, why);
}

void DeviceSession::OnAnswered(const absl::StatusOr<GroupReply>& result,
                               AbandonReason reason) {
  SHOAL_CHECK(std::holds_alternative<DoAnswerGroup>(action_));
  if (!result.ok()) return LeaveGroup(reason, result.status());
  group_->has_unmasked = result->has_unmasked;
  if (!result->masked.has_value()) return TellGroup(result->message);
  pending_ = result->masked;
  received_bytes_ = 0;
  StartUpload(0);
}

void DeviceSession::JoinAnother(const absl::Status& why) {
  // Two sums that contain one update could be subtracted.
  if (group_->has_unmasked) {
    return Abandon(AbandonReason::kConditions,
                   absl::FailedPreconditionError(absl::StrCat(
                       "the device has helped to unmask its update, and does "
                       "not send it again; ",
                       why.message())));
  }
  group_.reset();
  pending_.reset();
  if (++num_groups_left_ >= options_.max_attempts) {
    return Abandon(AbandonReason::kConditions, why);
  }
  after_wait_ = DoMakeKeys{};
  action_ = DoWait{std::max(RetryAfterOf(why), Backoff()), why};
}

void DeviceSession::LeaveGroup(AbandonReason reason, const absl::Status& why) {
  if (absl::IsCancelled(why)) return EndFailed(FailureKind::kCancelled, why);
  if (!pending_.has_value()) return Abandon(reason, why);
  // The coordinator has what is masked: there is nothing to give up.
  ++failures_;
  End(SessionEnd::kAbandoned, Backoff(), why, false);
}

}  // namespace shoal::client
