#include "client/transport/lean_transport.h"

#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/host_port.h"
#include "base/status_macros.h"
#include "client/transport/connection_errors.h"
#include "client/transport/lean/channel.h"
#include "client/transport/lean/tls.h"
#include "client/transport/lean_call.h"
#include "protocol/codec.h"

namespace shoal::client {
namespace {

class LeanTransport final : public Transport {
 public:
  LeanTransport(TransportOptions options, HostPort coordinator,
                std::unique_ptr<lean::TlsContext> tls)
      : options_(std::move(options)),
        tls_(std::move(tls)),
        window_(options_.idle_window),
        channel_(
            {.coordinator = std::move(coordinator),
             .proxy = options_.proxy.has_value() ? &*options_.proxy : nullptr,
             .tls = tls_.get()}) {}

  void Start(Call call) override;
  std::optional<absl::StatusOr<Answer>> Step(absl::Duration wait) override;
  void Cancel() override { channel_.Cancel(); }
  void Drop() override;
  void Close() override;
  int64_t connections() const override { return channel_.connections(); }
  int64_t bytes_sent() const override { return sent_; }
  int64_t bytes_received() const override { return received_; }

 private:
  lean::GrpcRequest RequestOf(const LeanCall& call) const;
  // What a call means that has ended with `channel`.
  absl::StatusOr<Answer> Result(const absl::Status& channel);
  // What the coordinator has said, or whoever answered in its place.
  absl::Status PeersError() const;

  const TransportOptions options_;
  const std::unique_ptr<lean::TlsContext> tls_;
  absl::Duration window_;
  ChunkSize chunk_size_;
  int64_t sent_ = 0;
  int64_t received_ = 0;
  std::unique_ptr<LeanCall> call_;  // null: none is under way
  lean::Channel channel_;           // may point at the call
};

lean::GrpcRequest LeanTransport::RequestOf(const LeanCall& call) const {
  lean::GrpcRequest request;
  request.path = absl::StrCat("/shoal.v1.Fleet/", call.method());
  request.authority = options_.coordinator;
  request.tls = options_.tls.has_value();
  // A peer that knows of the end of our patience does not work beyond it.
  if (!call.patience().bytes_count) {
    request.timeout = call.patience().window_after_sending;
  }
  if (!request.tls) {
    request.metadata = {{kInsecureDeviceMetadata, options_.insecure_device}};
  }
  return request;
}

void LeanTransport::Start(Call call) {
  SHOAL_CHECK(call_ == nullptr);
  if (std::holds_alternative<CheckInCall>(call)) {
    window_ = options_.idle_window;
  }
  call_ = MakeLeanCall({.window = window_,
                        .chunk_size = &chunk_size_,
                        .failpoints = options_.failpoints,
                        .sent = &sent_,
                        .received = &received_},
                       std::move(call));
  channel_.Start(RequestOf(*call_), call_->grpc(), call_->patience());
}

std::optional<absl::StatusOr<Answer>> LeanTransport::Step(absl::Duration wait) {
  SHOAL_CHECK(call_ != nullptr);
  const std::optional<absl::Status> ended = channel_.Step(wait);
  call_->OnStepped();
  if (!ended.has_value()) return std::nullopt;
  absl::StatusOr<Answer> result = Result(*ended);
  call_.reset();
  return result;
}

absl::StatusOr<Answer> LeanTransport::Result(const absl::Status& channel) {
  if (!channel.ok()) {
    if (absl::IsUnavailable(channel)) call_->OnUnavailable();
    return channel;
  }
  SHOAL_RETURN_IF_ERROR(call_->own_error());
  SHOAL_RETURN_IF_ERROR(PeersError());
  absl::StatusOr<Answer> answer = call_->TakeAnswer();
  if (answer.ok()) window_ = WindowAfter(*answer, window_);
  return answer;
}

absl::Status LeanTransport::PeersError() const {
  const absl::Status& failure = call_->grpc().failure();
  const lean::GrpcStatus& status = call_->grpc().status();
  if (failure.ok() && !status.details.empty()) {
    return protocol::StatusFromWire(static_cast<absl::StatusCode>(status.code),
                                    status.message, status.details);
  }
  const absl::Status plain =
      failure.ok() ? absl::Status(static_cast<absl::StatusCode>(status.code),
                                  status.message)
                   : failure;
  switch (plain.code()) {
    case absl::StatusCode::kUnavailable:
      return Unreachable(options_.coordinator, plain.message());
    case absl::StatusCode::kDeadlineExceeded:
      // It was told the window, and may look at its clock before we do.
      if (!call_->patience().bytes_count) {
        return NothingMoved(options_.coordinator,
                            call_->patience().window_after_sending);
      }
      [[fallthrough]];
    case absl::StatusCode::kCancelled:
      return EndedTheCall(options_.coordinator);
    default:
      return plain;
  }
}

void LeanTransport::Drop() {
  channel_.Drop();
  call_.reset();
}

void LeanTransport::Close() {
  SHOAL_CHECK(call_ == nullptr);
  channel_.Close();
}

}  // namespace

absl::StatusOr<std::unique_ptr<Transport>> MakeLeanTransport(
    TransportOptions options) {
  SHOAL_ASSIGN_OR_RETURN(HostPort coordinator,
                         ParseHostPort(options.coordinator));
  std::unique_ptr<lean::TlsContext> tls;
  if (options.tls.has_value()) {
    SHOAL_ASSIGN_OR_RETURN(tls, lean::TlsContext::Create(*options.tls));
  }
  return std::make_unique<LeanTransport>(
      std::move(options), std::move(coordinator), std::move(tls));
}

}  // namespace shoal::client
