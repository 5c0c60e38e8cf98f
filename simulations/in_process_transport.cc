#include "simulations/in_process_transport.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/digest.h"
#include "base/mutex.h"
#include "base/status_macros.h"

namespace shoal::simulations {

using client::Answer;
using protocol::UploadReceipt;

// What the engine has to say to a call that waits; written by it from whatever
// thread advances it.
class PendingAnswer {
 public:
  void Set(absl::StatusOr<Answer> result) SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    result_ = std::move(result);
  }
  std::optional<absl::StatusOr<Answer>> Get() SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return result_;
  }

 private:
  Mutex mutex_;
  std::optional<absl::StatusOr<Answer>> result_ SHOAL_GUARDED_BY(mutex_);
};

namespace {

// Of a check-in with its answer's plan, and of what is smaller.
constexpr int64_t kMessageBytes = 2048;
constexpr int kRoundTripsToOpen = 2;  // TCP and TLS 1.3
// How long a caller that lets time pass waits for a receipt between two looks.
constexpr absl::Duration kLook = absl::Milliseconds(1);

// The same result as one of any call.
template <typename T>
absl::StatusOr<Answer> ToAnswer(absl::StatusOr<T> result) {
  if (!result.ok()) return result.status();
  return Answer(*std::move(result));
}

bool IsReceipt(const absl::StatusOr<Answer>& answer) {
  if (!answer.ok()) return false;
  if (std::holds_alternative<UploadReceipt>(*answer)) return true;
  const auto* group = std::get_if<protocol::AggregateAnswer>(&*answer);
  return group != nullptr && std::holds_alternative<UploadReceipt>(group->next);
}

int64_t BytesOf(const protocol::AggregateAnswer& answer) {
  const auto* message = std::get_if<protocol::GroupMessage>(&answer.next);
  return message != nullptr ? static_cast<int64_t>(message->bytes.size()) : 0;
}

}  // namespace

absl::Duration CheckInTime(const LinkPace& link) {
  const auto bytes = static_cast<double>(kMessageBytes);
  return (kRoundTripsToOpen + 1) * 2 * link.latency +
         absl::Seconds(bytes / link.up_bytes_per_second) +
         absl::Seconds(bytes / link.down_bytes_per_second);
}

InProcessTransport::InProcessTransport(InProcessOptions options)
    : options_(std::move(options)) {
  SHOAL_CHECK(options_.engine != nullptr && options_.clock != nullptr);
  SHOAL_CHECK(options_.models != nullptr && options_.advance);
}

absl::Duration InProcessTransport::Uplink(int64_t bytes) const {
  return absl::Seconds(static_cast<double>(bytes) /
                       options_.link.up_bytes_per_second);
}

absl::Duration InProcessTransport::Downlink(int64_t bytes) const {
  return absl::Seconds(static_cast<double>(bytes) /
                       options_.link.down_bytes_per_second);
}

void InProcessTransport::Start(client::Call call) {
  SHOAL_CHECK(!call_.has_value());
  const absl::Duration latency = options_.link.latency;
  absl::Duration delay = latency + Uplink(kMessageBytes);
  if (!is_open_) {
    ++connections_;
    delay += kRoundTripsToOpen * 2 * latency;
  }
  is_open_ = true;
  call_ = std::move(call);
  cut_ = options_.connected_until ? options_.connected_until(Now())
                                  : absl::InfiniteFuture();
  Next(delay);
}

std::optional<absl::StatusOr<Answer>> InProcessTransport::Step(
    absl::Duration wait) {
  SHOAL_CHECK(call_.has_value());
  Result result = StepCall(wait);
  if (result.has_value()) Drop();
  return result;
}

InProcessTransport::Result InProcessTransport::StepCall(absl::Duration wait) {
  if (cancelled_) return absl::CancelledError("the transport was cancelled");
  TakePending();
  if (options_.wait && next_step_ > Now()) {
    options_.wait(std::min({wait, next_step_ - Now(), kLook}));
    TakePending();
  }
  if (Now() >= cut_) {
    is_open_ = false;
    return absl::UnavailableError("the connection was lost");
  }
  if (next_step_ > Now()) return std::nullopt;
  if (answer_.has_value()) return std::move(answer_);
  return std::visit([&](auto& call) { return Move(call); }, *call_);
}

void InProcessTransport::Drop() {
  call_.reset();
  answer_.reset();
  model_.reset();
  stream_.reset();
  pending_.reset();
  under_way_ = 0;
}

InProcessTransport::Result InProcessTransport::Reply(
    absl::StatusOr<Answer> answer) {
  stream_.reset();
  answer_ = std::move(answer);
  Next(options_.link.latency + Downlink(kMessageBytes));
  return std::nullopt;
}

InProcessTransport::Result InProcessTransport::Move(
    const client::CheckInCall& call) {
  auto answer = options_.engine->CheckIn(options_.device, call.message, Now());
  options_.advance();
  return Reply(ToAnswer(std::move(answer)));
}

InProcessTransport::Result InProcessTransport::Move(client::FetchCall& call) {
  if (!model_.has_value()) {
    absl::StatusOr<SharedModel> model = options_.models->Get(call.digest);
    if (!model.ok()) return Reply(model.status());
    const auto size = static_cast<int64_t>(model->bytes->size());
    if (call.offset < 0 || call.offset > size) {
      return Reply(
          options_.engine->ReadModel(call.digest, call.offset).status());
    }
    model_ = *std::move(model);
    under_way_ = std::min(size - call.offset, options_.chunk_bytes);
    Next(options_.link.latency + Downlink(under_way_));
    return std::nullopt;
  }
  const absl::string_view bytes = *model_->bytes;
  const absl::Status taken = call.sink(bytes.substr(call.offset, under_way_));
  if (!taken.ok()) return taken;
  bytes_received_ += under_way_;
  call.offset += under_way_;
  under_way_ = std::min(static_cast<int64_t>(bytes.size()) - call.offset,
                        options_.chunk_bytes);
  if (under_way_ == 0) return Answer(client::Fetched());
  Next(Downlink(under_way_));
  return std::nullopt;
}

InProcessTransport::Result InProcessTransport::Move(
    const client::QueryCall& call) {
  return Reply(ToAnswer(options_.engine->QueryUpload(
      options_.device, call.token, call.digest, Now())));
}

InProcessTransport::Result InProcessTransport::Move(
    const client::UploadCall& call) {
  const auto size = static_cast<int64_t>(call.update->size());
  if (stream_ == nullptr) {
    absl::StatusOr<coordinator::UploadStart> start =
        options_.engine->BeginUpload(options_.device, call.header, Now());
    if (!start.ok()) return Reply(start.status());
    if (start->receipt.has_value()) return Reply(Answer(*start->receipt));
    stream_ = std::move(start->stream);
  } else {
    const absl::Status sent = SendChunk(call.update);
    if (!sent.ok()) return Reply(sent);
  }
  under_way_ = std::min(size - stream_->offset(), options_.chunk_bytes);
  if (under_way_ == 0) return FinishUpload();
  Next(Uplink(under_way_));
  return std::nullopt;
}

absl::Status InProcessTransport::SendChunk(
    const client::EncodedUpdate& update) {
  const int64_t end = stream_->offset() + under_way_;
  if (under_way_ == static_cast<int64_t>(update->size())) {
    SHOAL_RETURN_IF_ERROR(stream_->Share(update));
  }
  while (stream_->offset() < end) {
    const int64_t offset = stream_->offset();
    const absl::string_view chunk = absl::string_view(*update).substr(
        offset, std::min(end - offset, int64_t{protocol::kMaxChunkBytes}));
    SHOAL_RETURN_IF_ERROR(stream_->Append(offset, chunk, Crc32(chunk)));
  }
  bytes_sent_ += under_way_;
  return absl::OkStatus();
}

template <typename T>
std::function<void(absl::StatusOr<T>)> InProcessTransport::TellLater() {
  pending_ = std::make_shared<PendingAnswer>();
  return [pending = pending_,
          on_answer = options_.on_answer](absl::StatusOr<T> result) {
    // The transport may be gone by now: then nobody holds it.
    const bool is_awaited = pending.use_count() > 1;
    pending->Set(ToAnswer(std::move(result)));
    if (is_awaited && on_answer) on_answer();
  };
}

void InProcessTransport::AwaitPending() {
  next_step_ = absl::InfiniteFuture();
  options_.advance();
  TakePending();
}

InProcessTransport::Result InProcessTransport::FinishUpload() {
  const absl::Status finished =
      stream_->Finish(Now(), TellLater<UploadReceipt>());
  if (!finished.ok()) {
    pending_.reset();
    return Reply(finished);
  }
  stream_.reset();
  AwaitPending();
  return std::nullopt;
}

bool InProcessTransport::has_receipt() const {
  if (answer_.has_value()) return IsReceipt(*answer_);
  if (pending_ == nullptr) return false;
  const auto result = pending_->Get();
  return result.has_value() && IsReceipt(*result);
}

void InProcessTransport::TakePending() {
  if (pending_ == nullptr || answer_.has_value()) return;
  if (options_.wait) options_.advance();
  auto result = pending_->Get();
  if (!result.has_value()) return;
  int64_t bytes = kMessageBytes;
  if (result->ok()) {
    if (const auto* group = std::get_if<protocol::AggregateAnswer>(&**result)) {
      bytes += BytesOf(*group);
      bytes_received_ += BytesOf(*group);
    }
  }
  answer_ = *std::move(result);
  Next(options_.link.latency + Downlink(bytes));
}

InProcessTransport::Result InProcessTransport::Move(
    const client::AggregateCall& call) {
  const auto bytes = static_cast<int64_t>(call.request.message.size());
  if (under_way_ == 0 && bytes > 0) {
    under_way_ = bytes;
    Next(Uplink(bytes));
    return std::nullopt;
  }
  under_way_ = 0;
  bytes_sent_ += bytes;
  const absl::Status begun =
      options_.engine->Aggregate(options_.device, call.request, Now(),
                                 TellLater<protocol::AggregateAnswer>());
  if (!begun.ok()) {
    pending_.reset();
    return Reply(begun);
  }
  AwaitPending();
  return std::nullopt;
}

InProcessTransport::Result InProcessTransport::Move(
    const client::AbandonCall& call) {
  auto delay =
      options_.engine->Abandon(options_.device, call.token, call.reason, Now());
  options_.advance();
  return Reply(ToAnswer(std::move(delay)));
}

InProcessTransport::Result InProcessTransport::Move(const client::ForgetCall&) {
  const absl::Status forgotten =
      options_.engine->ForgetDevice(options_.device.id);
  options_.advance();
  if (!forgotten.ok()) return Reply(forgotten);
  return Reply(Answer(client::Forgotten()));
}

}  // namespace shoal::simulations
