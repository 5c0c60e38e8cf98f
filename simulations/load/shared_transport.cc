#include "simulations/load/shared_transport.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.h"
#include "client/transport/connection_errors.h"
#include "client/transport/grpc_channel.h"
#include "client/transport/transport_options.h"

namespace shoal::simulations {

SharedTransport::SharedTransport(SharedTransportOptions options)
    : options_(std::move(options)), window_(options_.idle_window) {}

void SharedTransport::Start(client::Call call) {
  SHOAL_CHECK(call_ == nullptr);
  if (std::holds_alternative<client::CheckInCall>(call)) {
    window_ = options_.idle_window;
  }
  was_used_ = true;
  call_ = client::MakeGrpcCall({.stub = options_.stub,
                                .queue = &options_.loop->queue(),
                                .window = window_,
                                .chunk_size = &chunk_size_,
                                .failpoints = {},
                                .sent = &sent_,
                                .received = &received_},
                               std::move(call));
  call_->context().AddMetadata(client::kInsecureDeviceMetadata,
                               options_.device);
  moved_at_ = clock_.Monotonic();
  {
    MutexLock lock(mutex_);
    running_ = &call_->context();
    if (cancelled_) running_->TryCancel();
  }
  Await();
  call_->Begin();
}

void SharedTransport::Await() {
  event_.reset();
  options_.loop->Expect(call_.get(), [this](bool ok) {
    event_ = ok;
    if (options_.on_event) options_.on_event();
  });
}

std::optional<absl::StatusOr<client::Answer>> SharedTransport::Step(
    absl::Duration wait) {
  SHOAL_CHECK(call_ != nullptr);
  const absl::Duration idle_at = moved_at_ + call_->window();
  if (is_waiting() && !options_.on_event) {
    const absl::Duration left = idle_at - clock_.Monotonic();
    options_.loop->Turn(std::min(wait, left));
  }
  if (is_waiting()) {
    if (clock_.Monotonic() < idle_at) return std::nullopt;
    call_->OnIdle();
    Abandon();
    return client::NothingMoved(options_.coordinator, idle_at - moved_at_);
  }
  moved_at_ = clock_.Monotonic();
  if (call_->Continue(*event_)) {
    Await();
    return std::nullopt;
  }
  absl::StatusOr<client::Answer> result = Result();
  Take();
  return result;
}

absl::StatusOr<client::Answer> SharedTransport::Result() {
  // Also when the answer was faster: after Cancel() no call succeeds.
  if (cancelled()) return absl::CancelledError("the call was cancelled");
  const absl::Status error = call_->own_error();
  if (!error.ok()) return error;
  if (!call_->status().ok()) {
    return client::FromGrpc(call_->status(), options_.coordinator);
  }
  absl::StatusOr<client::Answer> answer = call_->TakeAnswer();
  if (answer.ok()) window_ = client::WindowAfter(*answer, window_);
  return answer;
}

bool SharedTransport::cancelled() const {
  MutexLock lock(mutex_);
  return cancelled_;
}

void SharedTransport::Cancel() {
  MutexLock lock(mutex_);
  cancelled_ = true;
  if (running_ != nullptr) running_->TryCancel();
}

void SharedTransport::Drop() {
  if (call_ != nullptr) Abandon();
}

void SharedTransport::Abandon() {
  const bool is_on_queue = is_waiting();
  std::shared_ptr<client::GrpcCall> call = Take();
  call->context().TryCancel();
  if (!is_on_queue) return;
  // It lives until gRPC is done with it.
  options_.loop->Expect(call.get(), [call](bool) {});
}

std::unique_ptr<client::GrpcCall> SharedTransport::Take() {
  MutexLock lock(mutex_);
  running_ = nullptr;
  event_.reset();
  return std::move(call_);
}

void SharedTransport::Close() { SHOAL_CHECK(call_ == nullptr); }

}  // namespace shoal::simulations
