#include "client/transport/lean/channel.h"

#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "client/transport/connection_errors.h"

namespace shoal::client::lean {

Channel::Channel(const Route& route)
    : route_(route),
      name_(route.coordinator.ToString()),
      wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  SHOAL_CHECK(wake_fd_ >= 0);
}

Channel::~Channel() { close(wake_fd_); }

void Channel::Cancel() {
  cancelled_ = true;
  const uint64_t one = 1;
  // Fails only when the counter is full: then the other end is awake anyway.
  [[maybe_unused]] const ssize_t written = write(wake_fd_, &one, sizeof one);
}

void Channel::Start(const GrpcRequest& request, GrpcCall& call,
                    const Patience& patience) {
  SHOAL_CHECK(!running_.has_value());
  const absl::Duration now = clock_.Monotonic();
  if (connection_.has_value() && now - used_at_ > kKeepFor) connection_.reset();
  const absl::Duration to_connect = std::min(patience.window, kMaxConnectTime);
  running_.emplace(
      Running{request, &call, patience, IdleTimer(to_connect, now)});
}

std::optional<absl::Status> Channel::Step(absl::Duration wait) {
  SHOAL_CHECK(running_.has_value());
  absl::Duration now = clock_.Monotonic();
  const absl::Duration until = now + wait;
  if (running_->stream != 0 && connection_.has_value()) {
    connection_->session()->Resume(running_->stream);
  }
  for (int rounds = 1;; ++rounds) {
    std::optional<absl::Status> ended = Advance(now);
    if (ended.has_value()) return End(*std::move(ended));
    if (running_->call->TakeMoved()) return std::nullopt;
    if (connection_->has_more() && rounds < kMaxRoundsPerStep) continue;
    if (now >= until) return std::nullopt;
    WaitForSomething(now, until - now);
    now = clock_.Monotonic();
  }
}

std::optional<absl::Status> Channel::Advance(absl::Duration now) {
  if (cancelled_) return absl::CancelledError("the call was cancelled");
  absl::Status moved = MoveConnection(now);
  // An answer that is complete counts, whatever became of the connection.
  if (running_->call->over()) return absl::OkStatus();
  if (!moved.ok()) return moved;
  NoteMovement(now);
  const IdleTimer& idle = running_->idle;
  if (now >= idle.ends_at()) return NothingMoved(name_, idle.window());
  if (running_->stream != 0) PingWhenSilent(now);
  return std::nullopt;
}

absl::Status Channel::MoveConnection(absl::Duration now) {
  // A connection of an earlier call may have been closed in the meantime: that
  // is found out here, before anything of this call was sent.
  for (int attempt = 0; running_->stream == 0 && attempt < 2; ++attempt) {
    if (!connection_.has_value()) {
      connection_.emplace(route_);
      ++connections_;
      is_fresh_ = true;
    }
    const absl::Status moved = connection_->Step(now);
    if (!moved.ok()) {
      connection_.reset();
      if (is_fresh_) return moved;
      continue;
    }
    Http2Session* session = connection_->session();
    if (session == nullptr) return absl::OkStatus();
    if (!session->accepts_requests() && !is_fresh_) {
      connection_.reset();
      continue;
    }
    const absl::StatusOr<int32_t> stream =
        session->Request(HeadersOf(running_->request), *running_->call);
    if (!stream.ok()) return Unreachable(name_, stream.status().message());
    running_->stream = *stream;
    running_->idle.Restart(running_->patience.window, now);
    pinged_at_ = now;
    is_fresh_ = false;
  }
  absl::Status moved = connection_->Step(now);
  if (!moved.ok()) connection_.reset();
  return moved;
}

void Channel::NoteMovement(absl::Duration now) {
  Running& running = *running_;
  if (!running.patience.bytes_count) return;
  running.idle.Advance(running.call->bytes_moved(), now);
  if (running.call->sent_all() && !running.sent_all) {
    running.sent_all = true;
    running.idle.Restart(running.patience.window_after_sending, now);
  }
}

void Channel::PingWhenSilent(absl::Duration now) {
  pinged_at_ = std::max(pinged_at_, connection_->received_at());
  if (now - pinged_at_ < kPingAfter) return;
  connection_->session()->Ping();
  pinged_at_ = now;
}

void Channel::WaitForSomething(absl::Duration now,
                               absl::Duration at_most) const {
  PollSet waits;
  waits.Add(wake_fd_, POLLIN);
  waits.WakeAt(running_->idle.ends_at());
  connection_->AddWaits(now, waits);
  if (running_->stream != 0) waits.WakeAt(pinged_at_ + kPingAfter);
  waits.Wait(now, at_most);
}

absl::Status Channel::End(absl::Status status) {
  used_at_ = clock_.Monotonic();
  const Running running = *std::exchange(running_, std::nullopt);
  if (!connection_.has_value()) return status;
  if (running.stream == 0 || absl::IsUnavailable(status)) {
    // One that has kept a call waiting is of no use to the next.
    connection_.reset();
  } else if (!running.call->stream_closed()) {
    connection_->session()->Reset(running.stream);
    if (!connection_->Step(used_at_).ok()) connection_.reset();
  }
  return status;
}

void Channel::Drop() {
  if (running_.has_value()) End(absl::OkStatus()).IgnoreError();
}

void Channel::Close() {
  Drop();
  connection_.reset();
}

}  // namespace shoal::client::lean
