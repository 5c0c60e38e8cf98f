#include "client/transport/grpc_transport.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "base/check.h"
#include "base/clock.h"
#include "base/host_port.h"
#include "base/mutex.h"
#include "base/status_macros.h"
#include "client/transport/connection_errors.h"
#include "client/transport/grpc_call.h"
#include "client/transport/grpc_channel.h"
#include "shoal/v1/fleet.grpc.pb.h"

namespace shoal::client {
namespace {

// Of gRPC's own monotonic clock.
gpr_timespec DeadlineIn(absl::Duration wait) {
  return gpr_time_add(
      gpr_now(GPR_CLOCK_MONOTONIC),
      gpr_time_from_nanos(absl::ToInt64Nanoseconds(wait), GPR_TIMESPAN));
}

class GrpcTransport final : public Transport {
 public:
  explicit GrpcTransport(TransportOptions options)
      : options_(std::move(options)), window_(options_.idle_window) {}
  ~GrpcTransport() override;

  void Start(Call call) override SHOAL_EXCLUDES(mutex_);
  std::optional<absl::StatusOr<Answer>> Step(absl::Duration wait) override
      SHOAL_EXCLUDES(mutex_);
  void Cancel() override SHOAL_EXCLUDES(mutex_);
  void Drop() override SHOAL_EXCLUDES(mutex_);
  void Close() override;
  int64_t connections() const override { return connections_; }
  int64_t bytes_sent() const override { return sent_; }
  int64_t bytes_received() const override { return received_; }

 private:
  // Opens a channel where there is none, or none that works: a channel whose
  // TLS handshake has failed stays closed for its whole connect timeout, and
  // when to try again is the session's to say.
  void Connect();
  // Ends the call from our side; its operation is on the queue.
  void Abort() SHOAL_EXCLUDES(mutex_);
  // Forgets the call, which has no operation on the queue any more.
  void Forget() SHOAL_EXCLUDES(mutex_);
  absl::StatusOr<Answer> Result() SHOAL_EXCLUDES(mutex_);
  bool cancelled() const SHOAL_EXCLUDES(mutex_);

  const TransportOptions options_;
  RealClock clock_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Fleet::Stub> stub_;
  grpc::CompletionQueue queue_;
  std::unique_ptr<GrpcCall> call_;
  absl::Duration window_;
  absl::Duration moved_at_;  // on the monotonic clock
  ChunkSize chunk_size_;
  int64_t connections_ = 0;
  int64_t sent_ = 0;
  int64_t received_ = 0;

  mutable Mutex mutex_;
  bool cancelled_ SHOAL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* running_ SHOAL_GUARDED_BY(mutex_) = nullptr;
};

GrpcTransport::~GrpcTransport() {
  Drop();
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

void GrpcTransport::Connect() {
  if (channel_ != nullptr && channel_->GetState(/*try_to_connect=*/false) !=
                                 GRPC_CHANNEL_TRANSIENT_FAILURE) {
    return;
  }
  ++connections_;
  channel_ = MakeChannel(options_.coordinator,
                         options_.tls.has_value() ? &*options_.tls : nullptr);
  stub_ = v1::Fleet::NewStub(channel_);
}

void GrpcTransport::Start(Call call) {
  SHOAL_CHECK(call_ == nullptr);
  if (std::holds_alternative<CheckInCall>(call)) {
    window_ = options_.idle_window;
  }
  Connect();
  call_ = MakeGrpcCall({.stub = stub_.get(),
                        .queue = &queue_,
                        .window = window_,
                        .chunk_size = &chunk_size_,
                        .failpoints = options_.failpoints,
                        .sent = &sent_,
                        .received = &received_},
                       std::move(call));
  if (!options_.tls.has_value()) {
    call_->context().AddMetadata(kInsecureDeviceMetadata,
                                 options_.insecure_device);
  }
  moved_at_ = clock_.Monotonic();
  {
    MutexLock lock(mutex_);
    running_ = &call_->context();
    if (cancelled_) running_->TryCancel();
  }
  call_->Begin();
}

std::optional<absl::StatusOr<Answer>> GrpcTransport::Step(absl::Duration wait) {
  SHOAL_CHECK(call_ != nullptr);
  const absl::Duration idle_at = moved_at_ + call_->window();
  const absl::Duration longest =
      std::max(idle_at - clock_.Monotonic(), absl::ZeroDuration());
  void* tag = nullptr;
  bool ok = false;
  switch (queue_.AsyncNext(&tag, &ok, DeadlineIn(std::min(wait, longest)))) {
    case grpc::CompletionQueue::TIMEOUT:
      if (clock_.Monotonic() < idle_at) return std::nullopt;
      call_->OnIdle();
      Abort();
      // The connection may be dead without a sign: the next call makes a new
      // one.
      Close();
      return NothingMoved(options_.coordinator, idle_at - moved_at_);
    case grpc::CompletionQueue::GOT_EVENT:
      break;
    case grpc::CompletionQueue::SHUTDOWN:
      SHOAL_CHECK(false);
  }
  moved_at_ = clock_.Monotonic();
  if (call_->Continue(ok)) return std::nullopt;
  absl::StatusOr<Answer> result = Result();
  Forget();
  return result;
}

absl::StatusOr<Answer> GrpcTransport::Result() {
  // Also when the answer was faster: after Cancel() no call succeeds.
  if (cancelled()) return absl::CancelledError("the call was cancelled");
  const absl::Status error = call_->own_error();
  if (!error.ok()) return error;
  if (!call_->status().ok()) {
    return FromGrpc(call_->status(), options_.coordinator);
  }
  absl::StatusOr<Answer> answer = call_->TakeAnswer();
  if (answer.ok()) window_ = WindowAfter(*answer, window_);
  return answer;
}

bool GrpcTransport::cancelled() const {
  MutexLock lock(mutex_);
  return cancelled_;
}

void GrpcTransport::Cancel() {
  MutexLock lock(mutex_);
  cancelled_ = true;
  if (running_ != nullptr) running_->TryCancel();
}

void GrpcTransport::Drop() {
  if (call_ != nullptr) Abort();
}

void GrpcTransport::Abort() {
  call_->context().TryCancel();
  void* tag = nullptr;
  bool ok = false;
  SHOAL_CHECK(queue_.Next(&tag, &ok));
  Forget();
}

void GrpcTransport::Forget() {
  MutexLock lock(mutex_);
  running_ = nullptr;
  call_.reset();
}

void GrpcTransport::Close() {
  SHOAL_CHECK(call_ == nullptr);
  stub_.reset();
  channel_.reset();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> MakeGrpcTransport(
    TransportOptions options) {
  SHOAL_RETURN_IF_ERROR(ParseHostPort(options.coordinator).status());
  // Going around it would tell the network more than its owner allows.
  if (options.proxy.has_value()) {
    return absl::InvalidArgumentError(
        "proxy: the SDK over grpc++ goes through none; use shoal/client.h, or "
        "list the coordinator in no_proxy");
  }
  return std::make_unique<GrpcTransport>(std::move(options));
}

}  // namespace shoal::client
