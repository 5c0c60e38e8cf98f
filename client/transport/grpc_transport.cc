#include "client/transport/grpc_transport.h"

#include <algorithm>
#include <atomic>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/human_duration.h"
#include "base/status_macros.h"
#include "client/transport/idle_watch.h"
#include "protocol/wire.h"
#include "shoal/v1/fleet.grpc.pb.h"

namespace shoal::client {
namespace {

using protocol::kMaxChunkBytes;

constexpr absl::Duration kMinReceiptWindow = absl::Minutes(1);
constexpr int64_t kMinChunkBytes = 4 * 1024;

// How much to send at once, so that something moves several times within the
// window on any link.
class ChunkSize {
 public:
  int64_t bytes() const { return bytes_; }
  void Sent(absl::Duration took, absl::Duration window) {
    if (took > window / 8) {
      bytes_ = std::max(bytes_ / 2, kMinChunkBytes);
    } else if (took < window / 64) {
      bytes_ = std::min(bytes_ * 2, kMaxChunkBytes);
    }
  }
  void Failed() { bytes_ = std::max(bytes_ / 8, kMinChunkBytes); }

 private:
  int64_t bytes_ = kMaxChunkBytes;
};

class GrpcTransport final : public Transport {
 public:
  explicit GrpcTransport(GrpcTransportOptions options)
      : options_(std::move(options)), window_(options_.idle_window) {
    Connect();
  }

  absl::StatusOr<protocol::CheckInAnswer> CheckIn(
      const protocol::CheckIn& message) override;
  absl::Status FetchModel(
      const Digest& digest, int64_t offset,
      const std::function<absl::Status(absl::string_view)>& sink) override;
  absl::StatusOr<protocol::UploadProgress> QueryUpload(
      absl::string_view token, const Digest& digest) override;
  absl::StatusOr<protocol::UploadReceipt> Upload(
      const protocol::UploadHeader& header, absl::string_view update) override;
  absl::StatusOr<absl::Duration> Abandon(
      absl::string_view token, protocol::AbandonReason reason) override;
  void Cancel() override { watch_.Cancel(); }
  int64_t bytes_sent() const override { return sent_; }
  int64_t bytes_received() const override { return received_; }

 private:
  using UploadWriter = grpc::ClientWriter<v1::UploadRequest>;

  void Connect();
  // The stub to call. After a failed connection it is a new one: a channel
  // whose TLS handshake has failed stays closed for its whole connect timeout,
  // and when to try again is the session's to say.
  v1::Fleet::Stub& Stub();
  // Names the device in plaintext calls.
  void Prepare(IdleWatch::Call& call) const;
  // Makes a call of one message each way.
  template <typename Request, typename Response>
  absl::Status Unary(grpc::Status (v1::Fleet::Stub::*method)(
                         grpc::ClientContext*, const Request&, Response*),
                     const Request& request, Response& response);
  // Sends update[from, end); false when the call has ended.
  bool SendChunks(IdleWatch::Call& call, UploadWriter& writer,
                  absl::string_view update, int64_t from);
  absl::Status Finished(const grpc::Status& status,
                        const IdleWatch::Call& call) const;

  const GrpcTransportOptions options_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Fleet::Stub> stub_;
  IdleWatch watch_;
  RealClock clock_;
  absl::Duration window_;
  ChunkSize chunk_size_;
  std::atomic<int64_t> sent_ = 0;
  std::atomic<int64_t> received_ = 0;
};

void GrpcTransport::Connect() {
  channel_ = MakeChannel(options_.coordinator,
                         options_.tls.has_value() ? &*options_.tls : nullptr);
  stub_ = v1::Fleet::NewStub(channel_);
}

v1::Fleet::Stub& GrpcTransport::Stub() {
  if (channel_->GetState(/*try_to_connect=*/false) ==
      GRPC_CHANNEL_TRANSIENT_FAILURE) {
    Connect();
  }
  return *stub_;
}

void GrpcTransport::Prepare(IdleWatch::Call& call) const {
  if (options_.tls.has_value()) return;
  call.context().AddMetadata(kInsecureDeviceMetadata, options_.insecure_device);
}

absl::Status GrpcTransport::Finished(const grpc::Status& status,
                                     const IdleWatch::Call& call) const {
  if (status.ok()) return absl::OkStatus();
  if (call.expired()) {
    return absl::UnavailableError(
        absl::StrCat("coordinator ", options_.coordinator,
                     ": nothing has moved for ", HumanDuration(call.window())));
  }
  if (watch_.cancelled()) return absl::CancelledError("the call was cancelled");
  return FromGrpc(status, options_.coordinator);
}

template <typename Request, typename Response>
absl::Status GrpcTransport::Unary(
    grpc::Status (v1::Fleet::Stub::*method)(grpc::ClientContext*,
                                            const Request&, Response*),
    const Request& request, Response& response) {
  IdleWatch::Call call(watch_, window_);
  Prepare(call);
  return Finished((Stub().*method)(&call.context(), request, &response), call);
}

absl::StatusOr<protocol::CheckInAnswer> GrpcTransport::CheckIn(
    const protocol::CheckIn& message) {
  window_ = options_.idle_window;
  v1::CheckInResponse response;
  SHOAL_RETURN_IF_ERROR(
      Unary(&v1::Fleet::Stub::CheckIn, protocol::ToProto(message), response));
  SHOAL_ASSIGN_OR_RETURN(protocol::CheckInAnswer answer,
                         protocol::FromProto(response));
  if (const auto* assignment =
          std::get_if<protocol::Assignment>(&answer.answer)) {
    window_ = std::min(window_, assignment->plan.idle_window);
  }
  return answer;
}

absl::Status GrpcTransport::FetchModel(
    const Digest& digest, int64_t offset,
    const std::function<absl::Status(absl::string_view)>& sink) {
  IdleWatch::Call call(watch_, window_);
  Prepare(call);
  v1::FetchModelRequest request;
  request.set_digest(std::string(digest.AsBytes()));
  request.set_offset(offset);
  const auto reader = Stub().FetchModel(&call.context(), request);
  v1::ModelChunk chunk;
  absl::Status stopped;
  while (stopped.ok() && reader->Read(&chunk)) {
    call.Moved();
    received_ += static_cast<int64_t>(chunk.data().size());
    if (chunk.offset() != static_cast<uint64_t>(offset)) {
      stopped = absl::DataLossError(absl::StrCat(
          "coordinator ", options_.coordinator, " sent the model from byte ",
          chunk.offset(), " on, expected ", offset));
      break;
    }
    offset += static_cast<int64_t>(chunk.data().size());
    stopped = sink(chunk.data());
  }
  if (!stopped.ok()) call.context().TryCancel();
  const grpc::Status status = reader->Finish();
  if (!stopped.ok()) return stopped;
  return Finished(status, call);
}

absl::StatusOr<protocol::UploadProgress> GrpcTransport::QueryUpload(
    absl::string_view token, const Digest& digest) {
  v1::QueryUploadRequest request;
  request.set_token(std::string(token));
  request.set_digest(std::string(digest.AsBytes()));
  v1::QueryUploadResponse response;
  SHOAL_RETURN_IF_ERROR(
      Unary(&v1::Fleet::Stub::QueryUpload, request, response));
  return protocol::FromProto(response);
}

absl::StatusOr<protocol::UploadReceipt> GrpcTransport::Upload(
    const protocol::UploadHeader& header, absl::string_view update) {
  SHOAL_CHECK(header.num_bytes == static_cast<int64_t>(update.size()));
  SHOAL_CHECK(header.offset >= 0 && header.offset <= header.num_bytes);
  IdleWatch::Call call(watch_, window_);
  Prepare(call);
  v1::UploadReceipt response;
  const auto writer = Stub().Upload(&call.context(), &response);
  v1::UploadRequest request;
  *request.mutable_header() = protocol::ToProto(header);
  if (writer->Write(request) &&
      SendChunks(call, *writer, update, header.offset) &&
      writer->WritesDone()) {
    call.Moved(std::max(window_, kMinReceiptWindow));
    options_.failpoints.Reach(Failpoint::kBeforeReceipt);
  }
  SHOAL_RETURN_IF_ERROR(Finished(writer->Finish(), call));
  return protocol::FromProto(response);
}

bool GrpcTransport::SendChunks(IdleWatch::Call& call, UploadWriter& writer,
                               absl::string_view update, int64_t from) {
  const int64_t size = static_cast<int64_t>(update.size());
  v1::UploadRequest request;  // reused: its buffer is filled anew each time
  v1::UploadChunk& chunk = *request.mutable_chunk();
  absl::Duration last = clock_.Monotonic();
  for (int64_t at = from; at < size;) {
    const absl::string_view data = update.substr(at, chunk_size_.bytes());
    chunk.set_offset(at);
    chunk.set_data(data.data(), data.size());
    chunk.set_crc32(Crc32(data));
    if (!writer.Write(request)) {
      if (call.expired()) chunk_size_.Failed();
      return false;
    }
    call.Moved();
    const absl::Duration now = clock_.Monotonic();
    chunk_size_.Sent(now - std::exchange(last, now), call.window());
    at += static_cast<int64_t>(data.size());
    sent_ += static_cast<int64_t>(data.size());
    if (at >= size / 2) options_.failpoints.Reach(Failpoint::kMidUpload);
  }
  return true;
}

absl::StatusOr<absl::Duration> GrpcTransport::Abandon(
    absl::string_view token, protocol::AbandonReason reason) {
  v1::AbandonRequest request;
  request.set_token(std::string(token));
  request.set_reason(protocol::ToProto(reason));
  v1::AbandonResponse response;
  SHOAL_RETURN_IF_ERROR(Unary(&v1::Fleet::Stub::Abandon, request, response));
  return std::max(protocol::FromProto(response.next_check_in()),
                  absl::ZeroDuration());
}

}  // namespace

std::unique_ptr<Transport> MakeGrpcTransport(GrpcTransportOptions options) {
  return std::make_unique<GrpcTransport>(std::move(options));
}

}  // namespace shoal::client
