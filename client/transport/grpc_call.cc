#include "client/transport/grpc_call.h"

#include <algorithm>
#include <type_traits>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "client/transport/transport_options.h"
#include "protocol/wire.h"

namespace shoal::client {
namespace {

absl::StatusOr<Answer> ToAnswer(const v1::CheckInResponse& response) {
  SHOAL_ASSIGN_OR_RETURN(protocol::CheckInAnswer answer,
                         protocol::FromProto(response));
  return Answer(std::move(answer));
}

absl::StatusOr<Answer> ToAnswer(const v1::QueryUploadResponse& response) {
  SHOAL_ASSIGN_OR_RETURN(protocol::UploadProgress answer,
                         protocol::FromProto(response));
  return Answer(std::move(answer));
}

absl::StatusOr<Answer> ToAnswer(const v1::AggregateResponse& response) {
  SHOAL_ASSIGN_OR_RETURN(protocol::AggregateAnswer answer,
                         protocol::FromProto(response));
  return Answer(std::move(answer));
}

absl::StatusOr<Answer> ToAnswer(const v1::AbandonResponse& response) {
  return Answer(std::max(protocol::FromProto(response.next_check_in()),
                         absl::ZeroDuration()));
}

absl::StatusOr<Answer> ToAnswer(const v1::EnrollResponse& response) {
  return Answer(Enrolled{response.certificate_pem()});
}

absl::StatusOr<Answer> ToAnswer(const v1::ForgetResponse&) {
  return Answer(Forgotten());
}

// Of a message what counts as payload.
template <typename Message>
int64_t PayloadBytes(const Message&) {
  return 0;
}
int64_t PayloadBytes(const v1::AggregateRequest& request) {
  return static_cast<int64_t>(request.message().size());
}
int64_t PayloadBytes(const v1::AggregateResponse& response) {
  return static_cast<int64_t>(response.message().size());
}

// One message each way.
template <typename Request, typename Response>
class UnaryCall final : public GrpcCall {
 public:
  using Reader = grpc::ClientAsyncResponseReader<Response>;
  using Method = std::unique_ptr<Reader> (v1::Fleet::Stub::*)(
      grpc::ClientContext*, const Request&, grpc::CompletionQueue*);

  UnaryCall(const GrpcCallContext& shared, Method method, Request request)
      : GrpcCall(shared), method_(method), request_(std::move(request)) {}

  void Begin() override {
    // In locals: gcc 12's vptr sanitizer takes the stub's table for an object
    // where a pointer to a virtual member is itself a member.
    v1::Fleet::Stub& stub = *shared_.stub;
    const Method method = method_;
    reader_ = (stub.*method)(&context_, request_, shared_.queue);
    reader_->StartCall();
    reader_->Finish(&response_, &status_, tag());
    *shared_.sent += PayloadBytes(request_);
    if constexpr (std::is_same_v<Request, v1::AggregateRequest>) {
      set_window(std::max(window(), kMinReceiptWindow));
    }
  }
  bool Continue(bool) override { return false; }
  absl::StatusOr<Answer> TakeAnswer() override {
    *shared_.received += PayloadBytes(response_);
    return ToAnswer(response_);
  }

 private:
  const Method method_;
  const Request request_;
  Response response_;
  std::unique_ptr<Reader> reader_;
};

class FetchModelCall final : public GrpcCall {
 public:
  FetchModelCall(const GrpcCallContext& shared, FetchCall call)
      : GrpcCall(shared), sink_(std::move(call.sink)), offset_(call.offset) {
    request_.set_digest(std::string(call.digest.AsBytes()));
    request_.set_offset(call.offset);
  }

  void Begin() override {
    reader_ = shared_.stub->PrepareAsyncFetchModel(&context_, request_,
                                                   shared_.queue);
    reader_->StartCall(tag());
  }

  bool Continue(bool ok) override {
    switch (std::exchange(state_, ok ? kReading : kFinishing)) {
      case kStarting:
        break;
      case kReading:
        if (ok) error_ = Take();
        if (!error_.ok()) return false;
        break;
      case kFinishing:
        return false;
    }
    if (ok) {
      reader_->Read(&chunk_, tag());
    } else {
      reader_->Finish(&status_, tag());
    }
    return true;
  }

  absl::Status own_error() const override { return error_; }
  absl::StatusOr<Answer> TakeAnswer() override { return Answer(Fetched()); }

 private:
  absl::Status Take() {
    const int64_t size = static_cast<int64_t>(chunk_.data().size());
    *shared_.received += size;
    if (chunk_.offset() != static_cast<uint64_t>(offset_)) {
      return absl::DataLossError(
          absl::StrCat("the coordinator sent the model from byte ",
                       chunk_.offset(), " on, expected ", offset_));
    }
    offset_ += size;
    return sink_(chunk_.data());
  }

  const std::function<absl::Status(absl::string_view)> sink_;
  int64_t offset_;
  v1::FetchModelRequest request_;
  std::unique_ptr<grpc::ClientAsyncReader<v1::ModelChunk>> reader_;
  v1::ModelChunk chunk_;
  enum { kStarting, kReading, kFinishing } state_ = kStarting;
  absl::Status error_;
};

class UploadUpdateCall final : public GrpcCall {
 public:
  UploadUpdateCall(const GrpcCallContext& shared, const UploadCall& call)
      : GrpcCall(shared), update_(call.update), at_(call.header.offset) {
    SHOAL_CHECK(call.header.num_bytes == static_cast<int64_t>(update_->size()));
    SHOAL_CHECK(at_ >= 0 && at_ <= call.header.num_bytes);
    *request_.mutable_header() = protocol::ToProto(call.header);
  }

  void Begin() override {
    writer_ =
        shared_.stub->PrepareAsyncUpload(&context_, &response_, shared_.queue);
    writer_->StartCall(tag());
  }

  bool Continue(bool ok) override {
    if (state_ == kFinishing) return false;
    if (!ok) {
      Finish();
      return true;
    }
    switch (state_) {
      case kStarting:
        Write(kHeader);
        return true;
      case kChunk:
        OnSent();
        [[fallthrough]];
      case kHeader:
        WriteNext();
        return true;
      case kEnding:
        set_window(std::max(window(), kMinReceiptWindow));
        shared_.failpoints.Reach(Failpoint::kBeforeReceipt);
        Finish();
        return true;
      case kFinishing:
        break;
    }
    return false;
  }

  void OnIdle() override {
    if (state_ == kHeader || state_ == kChunk) shared_.chunk_size->Failed();
  }

  absl::StatusOr<Answer> TakeAnswer() override {
    SHOAL_ASSIGN_OR_RETURN(protocol::UploadReceipt receipt,
                           protocol::FromProto(response_));
    return Answer(std::move(receipt));
  }

 private:
  // Which operation is on the queue.
  enum State { kStarting, kHeader, kChunk, kEnding, kFinishing };

  void Write(State state) {
    state_ = state;
    written_at_ = RealClock().Monotonic();
    writer_->Write(request_, tag());
  }

  void WriteNext() {
    const absl::string_view data =
        absl::string_view(*update_).substr(at_, shared_.chunk_size->bytes());
    if (data.empty()) {
      state_ = kEnding;
      writer_->WritesDone(tag());
      return;
    }
    v1::UploadChunk& chunk = *request_.mutable_chunk();
    chunk.set_offset(at_);
    chunk.set_data(data.data(), data.size());
    chunk.set_crc32(Crc32(data));
    Write(kChunk);
  }

  void OnSent() {
    const int64_t size = static_cast<int64_t>(request_.chunk().data().size());
    at_ += size;
    *shared_.sent += size;
    shared_.chunk_size->Sent(RealClock().Monotonic() - written_at_, window());
    if (at_ >= static_cast<int64_t>(update_->size()) / 2) {
      shared_.failpoints.Reach(Failpoint::kMidUpload);
    }
  }

  void Finish() {
    state_ = kFinishing;
    writer_->Finish(&status_, tag());
  }

  const EncodedUpdate update_;
  int64_t at_;                 // where the next chunk starts
  v1::UploadRequest request_;  // reused: its buffer is filled anew each time
  v1::UploadReceipt response_;
  std::unique_ptr<grpc::ClientAsyncWriter<v1::UploadRequest>> writer_;
  State state_ = kStarting;
  absl::Duration written_at_;
};

std::unique_ptr<GrpcCall> Make(const GrpcCallContext& shared,
                               const CheckInCall& call) {
  return std::make_unique<UnaryCall<v1::CheckInRequest, v1::CheckInResponse>>(
      shared, &v1::Fleet::Stub::PrepareAsyncCheckIn,
      protocol::ToProto(call.message));
}

std::unique_ptr<GrpcCall> Make(const GrpcCallContext& shared, FetchCall& call) {
  return std::make_unique<FetchModelCall>(shared, std::move(call));
}

std::unique_ptr<GrpcCall> Make(const GrpcCallContext& shared,
                               const QueryCall& call) {
  v1::QueryUploadRequest request;
  request.set_token(call.token);
  request.set_digest(std::string(call.digest.AsBytes()));
  return std::make_unique<
      UnaryCall<v1::QueryUploadRequest, v1::QueryUploadResponse>>(
      shared, &v1::Fleet::Stub::PrepareAsyncQueryUpload, std::move(request));
}

std::unique_ptr<GrpcCall> Make(const GrpcCallContext& shared,
                               const UploadCall& call) {
  return std::make_unique<UploadUpdateCall>(shared, call);
}

std::unique_ptr<GrpcCall> Make(const GrpcCallContext& shared,
                               const AggregateCall& call) {
  return std::make_unique<
      UnaryCall<v1::AggregateRequest, v1::AggregateResponse>>(
      shared, &v1::Fleet::Stub::PrepareAsyncAggregate,
      protocol::ToProto(call.request));
}

std::unique_ptr<GrpcCall> Make(const GrpcCallContext& shared,
                               const AbandonCall& call) {
  v1::AbandonRequest request;
  request.set_token(call.token);
  request.set_reason(protocol::ToProto(call.reason));
  return std::make_unique<UnaryCall<v1::AbandonRequest, v1::AbandonResponse>>(
      shared, &v1::Fleet::Stub::PrepareAsyncAbandon, std::move(request));
}

std::unique_ptr<GrpcCall> Make(const GrpcCallContext& shared,
                               const EnrollCall& call) {
  v1::EnrollRequest request;
  request.mutable_protocol()->set_major(protocol::kProtocolVersion.major);
  request.mutable_protocol()->set_minor(protocol::kProtocolVersion.minor);
  request.set_invitation(call.invitation);
  request.set_certificate_request(call.certificate_request);
  request.set_device_name(call.device_name);
  return std::make_unique<UnaryCall<v1::EnrollRequest, v1::EnrollResponse>>(
      shared, &v1::Fleet::Stub::PrepareAsyncEnroll, std::move(request));
}

std::unique_ptr<GrpcCall> Make(const GrpcCallContext& shared,
                               const ForgetCall&) {
  return std::make_unique<UnaryCall<v1::ForgetRequest, v1::ForgetResponse>>(
      shared, &v1::Fleet::Stub::PrepareAsyncForget, v1::ForgetRequest());
}

}  // namespace

std::unique_ptr<GrpcCall> MakeGrpcCall(const GrpcCallContext& shared,
                                       Call call) {
  return std::visit([&](auto& asked) { return Make(shared, asked); }, call);
}

}  // namespace shoal::client
