#include "client/transport/lean_call.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/status_macros.h"
#include "client/transport/transport_options.h"
#include "protocol/chunk_codec.h"
#include "protocol/codec.h"
#include "protocol/schema/access.h"

namespace shoal::client {
namespace {

using protocol::schema::Message;
using protocol::schema::TypeNamed;
using protocol::schema::Write;

// A chunk of a model with what stands around its data; plans are smaller.
constexpr size_t kMaxMessageBytes = protocol::kMaxChunkBytes + 1024;
// What a group of secure aggregation says to a device.
constexpr size_t kMaxGroupMessageBytes = size_t{4} << 20;

absl::StatusOr<Answer> CheckInAnswerOf(const Message& response) {
  SHOAL_ASSIGN_OR_RETURN(protocol::CheckInAnswer answer,
                         protocol::CheckInAnswerFrom(response));
  return Answer(std::move(answer));
}

absl::StatusOr<Answer> ProgressOf(const Message& response) {
  SHOAL_ASSIGN_OR_RETURN(protocol::UploadProgress answer,
                         protocol::UploadProgressFrom(response));
  return Answer(std::move(answer));
}

absl::StatusOr<Answer> ReceiptOf(const Message& response) {
  SHOAL_ASSIGN_OR_RETURN(protocol::UploadReceipt answer,
                         protocol::UploadReceiptFrom(response));
  return Answer(std::move(answer));
}

absl::StatusOr<Answer> AggregateAnswerOf(const Message& response) {
  SHOAL_ASSIGN_OR_RETURN(protocol::AggregateAnswer answer,
                         protocol::AggregateAnswerFrom(response));
  return Answer(std::move(answer));
}

absl::StatusOr<Answer> DelayOf(const Message& response) {
  absl::Duration delay;
  protocol::schema::Read(response, "next_check_in", delay);
  return Answer(std::max(delay, absl::ZeroDuration()));
}

absl::StatusOr<Answer> EnrolledOf(const Message& response) {
  Enrolled enrolled;
  protocol::schema::Read(response, "certificate_pem", enrolled.certificate_pem);
  return Answer(std::move(enrolled));
}

absl::StatusOr<Answer> ForgottenOf(const Message&) {
  return Answer(Forgotten());
}

// A call that is answered with one message.
class OneAnswerCall : public LeanCall {
 public:
  using Convert = absl::StatusOr<Answer> (*)(const Message&);

  OneAnswerCall(const LeanCallContext& shared, absl::string_view response,
                Convert convert, size_t max_bytes = kMaxMessageBytes)
      : LeanCall(shared, max_bytes),
        response_(TypeNamed(response)),
        convert_(convert) {}

  absl::StatusOr<Answer> TakeAnswer() override {
    if (answered_) return convert_(response_);
    return absl::InternalError("the coordinator's answer has no message");
  }

 private:
  absl::Status OnMessage(absl::string_view message) final {
    if (answered_) {
      return absl::InternalError(
          "the coordinator sent several messages, expected one");
    }
    answered_ = true;
    const absl::Status parsed = response_.Parse(message);
    if (parsed.ok()) return parsed;
    return absl::InternalError(
        absl::StrCat("the coordinator's answer: ", parsed.message()));
  }

  Message response_;
  const Convert convert_;
  bool answered_ = false;
};

// One message each way.
class UnaryCall : public OneAnswerCall {
 public:
  UnaryCall(const LeanCallContext& shared, absl::string_view method,
            const Message& request, absl::string_view response, Convert convert,
            size_t max_bytes = kMaxMessageBytes)
      : OneAnswerCall(shared, response, convert, max_bytes), method_(method) {
    grpc().Send(request.Serialize());
    grpc().CloseSending();
  }

  absl::string_view method() const override { return method_; }
  lean::Channel::Patience patience() const override {
    return {.window = shared_.window,
            .bytes_count = false,
            .window_after_sending = shared_.window};
  }

 private:
  const absl::string_view method_;  // a literal
};

// Counts what it says and is told.
class AggregateGroupCall final : public UnaryCall {
 public:
  AggregateGroupCall(const LeanCallContext& shared, const AggregateCall& call)
      : UnaryCall(shared, "Aggregate", protocol::ToSchema(call.request),
                  "AggregateResponse", AggregateAnswerOf,
                  kMaxGroupMessageBytes) {
    *shared.sent += static_cast<int64_t>(call.request.message.size());
  }

  lean::Channel::Patience patience() const override {
    const absl::Duration held = std::max(shared_.window, kMinReceiptWindow);
    return {.window = held, .bytes_count = false, .window_after_sending = held};
  }
  absl::StatusOr<Answer> TakeAnswer() override {
    absl::StatusOr<Answer> answer = UnaryCall::TakeAnswer();
    if (!answer.ok()) return answer;
    const auto& next = std::get<protocol::AggregateAnswer>(*answer).next;
    if (const auto* message = std::get_if<protocol::GroupMessage>(&next)) {
      *shared_.received += static_cast<int64_t>(message->bytes.size());
    }
    return answer;
  }
};

class FetchModelCall final : public LeanCall {
 public:
  FetchModelCall(const LeanCallContext& shared, FetchCall call)
      : LeanCall(shared, kMaxMessageBytes),
        sink_(std::move(call.sink)),
        offset_(call.offset) {
    Message request(TypeNamed("FetchModelRequest"));
    Write(request, "digest", call.digest.AsBytes());
    Write(request, "offset", call.offset);
    grpc().Send(request.Serialize());
    grpc().CloseSending();
  }

  absl::string_view method() const override { return "FetchModel"; }
  lean::Channel::Patience patience() const override {
    return {.window = shared_.window,
            .bytes_count = true,
            .window_after_sending = shared_.window};
  }
  absl::StatusOr<Answer> TakeAnswer() override { return Answer(Fetched()); }

 private:
  absl::Status OnMessage(absl::string_view message) override {
    SHOAL_ASSIGN_OR_RETURN(const protocol::ModelChunk chunk,
                           protocol::ModelChunkFrom(message));
    const int64_t size = static_cast<int64_t>(chunk.data.size());
    *shared_.received += size;
    if (chunk.offset != static_cast<uint64_t>(offset_)) {
      return absl::DataLossError(
          absl::StrCat("the coordinator sent the model from byte ",
                       chunk.offset, " on, expected ", offset_));
    }
    offset_ += size;
    return sink_(chunk.data);
  }

  const std::function<absl::Status(absl::string_view)> sink_;
  int64_t offset_;
};

class UploadUpdateCall final : public OneAnswerCall {
 public:
  UploadUpdateCall(const LeanCallContext& shared, const UploadCall& call)
      : OneAnswerCall(shared, "UploadReceipt", ReceiptOf),
        update_(call.update),
        at_(call.header.offset) {
    SHOAL_CHECK(call.header.num_bytes == static_cast<int64_t>(update_->size()));
    SHOAL_CHECK(at_ >= 0 && at_ <= call.header.num_bytes);
    grpc().Send(protocol::UploadHeaderRequest(call.header));
  }

  absl::string_view method() const override { return "Upload"; }
  lean::Channel::Patience patience() const override {
    return {
        .window = shared_.window,
        .bytes_count = true,
        .window_after_sending = std::max(shared_.window, kMinReceiptWindow)};
  }

  void OnStepped() override {
    if (grpc().sent_all()) {
      shared_.failpoints.Reach(Failpoint::kBeforeReceipt);
    }
  }

  void OnUnavailable() override {
    if (chunk_bytes_ > 0) shared_.chunk_size->Failed();
  }

 private:
  void OnDrained() override {
    if (chunk_bytes_ > 0) OnSent();
    const absl::string_view data =
        absl::string_view(*update_).substr(at_, shared_.chunk_size->bytes());
    if (data.empty()) {
      grpc().CloseSending();
      return;
    }
    chunk_bytes_ = static_cast<int64_t>(data.size());
    given_at_ = clock_.Monotonic();
    grpc().Send(protocol::UploadChunkPrefix(at_, data), data);
  }

  void OnSent() {
    const int64_t size = std::exchange(chunk_bytes_, 0);
    at_ += size;
    *shared_.sent += size;
    shared_.chunk_size->Sent(clock_.Monotonic() - given_at_, shared_.window);
    if (at_ >= static_cast<int64_t>(update_->size()) / 2) {
      shared_.failpoints.Reach(Failpoint::kMidUpload);
    }
  }

  const RealClock clock_;
  const EncodedUpdate update_;
  int64_t at_;               // where the next chunk starts
  int64_t chunk_bytes_ = 0;  // of the chunk that is being sent; 0: none is
  absl::Duration given_at_;  // to the connection
};

std::unique_ptr<LeanCall> Make(const LeanCallContext& shared,
                               const CheckInCall& call) {
  return std::make_unique<UnaryCall>(shared, "CheckIn",
                                     protocol::ToSchema(call.message),
                                     "CheckInResponse", CheckInAnswerOf);
}

std::unique_ptr<LeanCall> Make(const LeanCallContext& shared, FetchCall& call) {
  return std::make_unique<FetchModelCall>(shared, std::move(call));
}

std::unique_ptr<LeanCall> Make(const LeanCallContext& shared,
                               const QueryCall& call) {
  Message request(TypeNamed("QueryUploadRequest"));
  Write(request, "token", call.token);
  Write(request, "digest", call.digest.AsBytes());
  return std::make_unique<UnaryCall>(shared, "QueryUpload", request,
                                     "QueryUploadResponse", ProgressOf);
}

std::unique_ptr<LeanCall> Make(const LeanCallContext& shared,
                               const UploadCall& call) {
  return std::make_unique<UploadUpdateCall>(shared, call);
}

std::unique_ptr<LeanCall> Make(const LeanCallContext& shared,
                               const AggregateCall& call) {
  return std::make_unique<AggregateGroupCall>(shared, call);
}

std::unique_ptr<LeanCall> Make(const LeanCallContext& shared,
                               const AbandonCall& call) {
  Message request(TypeNamed("AbandonRequest"));
  Write(request, "token", call.token);
  Write(request, "reason", call.reason);
  return std::make_unique<UnaryCall>(shared, "Abandon", request,
                                     "AbandonResponse", DelayOf);
}

std::unique_ptr<LeanCall> Make(const LeanCallContext& shared,
                               const EnrollCall& call) {
  Message request(TypeNamed("EnrollRequest"));
  Message& version = protocol::schema::MutablePart(request, "protocol");
  Write(version, "major", protocol::kProtocolVersion.major);
  Write(version, "minor", protocol::kProtocolVersion.minor);
  Write(request, "invitation", call.invitation);
  Write(request, "certificate_request", call.certificate_request);
  Write(request, "device_name", call.device_name);
  return std::make_unique<UnaryCall>(shared, "Enroll", request,
                                     "EnrollResponse", EnrolledOf);
}

std::unique_ptr<LeanCall> Make(const LeanCallContext& shared,
                               const ForgetCall&) {
  return std::make_unique<UnaryCall>(shared, "Forget",
                                     Message(TypeNamed("ForgetRequest")),
                                     "ForgetResponse", ForgottenOf);
}

}  // namespace

LeanCall::LeanCall(const LeanCallContext& shared, size_t max_message_bytes)
    : shared_(shared),
      grpc_(max_message_bytes, {[this](absl::string_view message) {
                                  return own_error_ = OnMessage(message);
                                },
                                [this] { OnDrained(); }}) {}

std::unique_ptr<LeanCall> MakeLeanCall(const LeanCallContext& shared,
                                       Call call) {
  return std::visit([&](auto& asked) { return Make(shared, asked); }, call);
}

}  // namespace shoal::client
