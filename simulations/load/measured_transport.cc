#include "simulations/load/measured_transport.h"

#include <utility>
#include <variant>

#include "base/check.h"

namespace shoal::simulations {
namespace {

CallKind KindOf(const client::Call& call) {
  if (std::holds_alternative<client::CheckInCall>(call)) {
    return CallKind::kCheckIn;
  }
  if (std::holds_alternative<client::FetchCall>(call)) return CallKind::kFetch;
  if (std::holds_alternative<client::QueryCall>(call)) return CallKind::kQuery;
  if (std::holds_alternative<client::UploadCall>(call)) {
    return CallKind::kUpload;
  }
  if (std::holds_alternative<client::AggregateCall>(call)) {
    return CallKind::kAggregate;
  }
  SHOAL_CHECK(std::holds_alternative<client::AbandonCall>(call));
  return CallKind::kAbandon;
}

bool IsAssignment(const client::Answer& answer) {
  const auto* check_in = std::get_if<protocol::CheckInAnswer>(&answer);
  return check_in != nullptr &&
         std::holds_alternative<protocol::Assignment>(check_in->answer);
}

}  // namespace

void MeasuredTransport::Start(client::Call call) {
  call_ = {.kind = KindOf(call),
           .start = clock_.Monotonic(),
           .end = {},
           .bytes_up = transport_.bytes_sent(),
           .bytes_down = transport_.bytes_received(),
           .status = {}};
  transport_.Start(std::move(call));
}

std::optional<absl::StatusOr<client::Answer>> MeasuredTransport::Step(
    absl::Duration wait) {
  std::optional<absl::StatusOr<client::Answer>> answer = transport_.Step(wait);
  if (!answer.has_value()) return answer;
  call_.end = clock_.Monotonic();
  call_.bytes_up = transport_.bytes_sent() - call_.bytes_up;
  call_.bytes_down = transport_.bytes_received() - call_.bytes_down;
  call_.status = answer->status();
  log_.AddCall(call_);
  if (answer->ok() && IsAssignment(**answer)) log_.AddAssignment();
  return answer;
}

}  // namespace shoal::simulations
