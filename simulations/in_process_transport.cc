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

// What becomes of a finished upload; written by the engine from whatever
// thread advances it.
class PendingReceipt {
 public:
  void Set(absl::StatusOr<UploadReceipt> result) SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    result_ = std::move(result);
  }
  std::optional<absl::StatusOr<UploadReceipt>> Get() SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return result_;
  }

 private:
  Mutex mutex_;
  std::optional<absl::StatusOr<UploadReceipt>> result_ SHOAL_GUARDED_BY(mutex_);
};

namespace {

// The same result as one of any call.
template <typename T>
absl::StatusOr<Answer> ToAnswer(absl::StatusOr<T> result) {
  if (!result.ok()) return result.status();
  return Answer(*std::move(result));
}

}  // namespace

InProcessTransport::InProcessTransport(InProcessOptions options)
    : options_(std::move(options)) {
  SHOAL_CHECK(options_.engine != nullptr && options_.clock != nullptr);
  SHOAL_CHECK(options_.wait != nullptr);
}

void InProcessTransport::Start(client::Call call) {
  SHOAL_CHECK(!call_.has_value());
  if (!is_open_) ++connections_;
  is_open_ = true;
  call_ = std::move(call);
}

std::optional<absl::StatusOr<Answer>> InProcessTransport::Step(
    absl::Duration wait) {
  SHOAL_CHECK(call_.has_value());
  Result result;
  if (cancelled_) {
    result = absl::CancelledError("the transport was cancelled");
  } else {
    result = std::visit([&](auto& call) { return Move(call, wait); }, *call_);
  }
  if (result.has_value()) Drop();
  return result;
}

void InProcessTransport::Drop() {
  call_.reset();
  stream_.reset();
  receipt_.reset();
}

InProcessTransport::Result InProcessTransport::Move(
    const client::CheckInCall& call, absl::Duration) {
  const absl::Time now = options_.clock->Now();
  auto answer = options_.engine->CheckIn(options_.device, call.message, now);
  options_.engine->Advance(now);
  return ToAnswer(std::move(answer));
}

InProcessTransport::Result InProcessTransport::Move(client::FetchCall& call,
                                                    absl::Duration) {
  const absl::StatusOr<std::string> chunk =
      options_.engine->ReadModel(call.digest, call.offset);
  if (!chunk.ok()) return chunk.status();
  if (chunk->empty()) return Answer(client::Fetched());
  call.offset += static_cast<int64_t>(chunk->size());
  bytes_received_ += static_cast<int64_t>(chunk->size());
  const absl::Status taken = call.sink(*chunk);
  if (!taken.ok()) return taken;
  return std::nullopt;
}

InProcessTransport::Result InProcessTransport::Move(
    const client::QueryCall& call, absl::Duration) {
  return ToAnswer(options_.engine->QueryUpload(
      options_.device, call.token, call.digest, options_.clock->Now()));
}

InProcessTransport::Result InProcessTransport::Move(
    const client::UploadCall& call, absl::Duration wait) {
  if (receipt_ != nullptr) return AwaitReceipt(wait);
  if (stream_ == nullptr) {
    absl::StatusOr<coordinator::UploadStart> start =
        options_.engine->BeginUpload(options_.device, call.header,
                                     options_.clock->Now());
    if (!start.ok()) return start.status();
    if (start->receipt.has_value()) return Answer(*start->receipt);
    stream_ = std::move(start->stream);
  }
  const absl::Status sent = SendNext(call.update);
  if (!sent.ok()) return sent;
  return std::nullopt;
}

absl::Status InProcessTransport::SendNext(absl::string_view update) {
  const int64_t offset = stream_->offset();
  if (offset < static_cast<int64_t>(update.size())) {
    const absl::string_view chunk =
        update.substr(offset, protocol::kMaxChunkBytes);
    SHOAL_RETURN_IF_ERROR(stream_->Append(offset, chunk, Crc32(chunk)));
    bytes_sent_ += static_cast<int64_t>(chunk.size());
    return absl::OkStatus();
  }
  const auto pending = std::make_shared<PendingReceipt>();
  SHOAL_RETURN_IF_ERROR(stream_->Finish(
      options_.clock->Now(), [pending](absl::StatusOr<UploadReceipt> result) {
        pending->Set(std::move(result));
      }));
  stream_.reset();
  receipt_ = pending;
  return absl::OkStatus();
}

InProcessTransport::Result InProcessTransport::AwaitReceipt(
    absl::Duration wait) {
  const absl::Time now = options_.clock->Now();
  const absl::Time next = options_.engine->Advance(now);
  if (auto result = receipt_->Get(); result.has_value()) {
    return ToAnswer(*std::move(result));
  }
  const absl::Duration nap =
      std::clamp(next - now, absl::Milliseconds(1), absl::Seconds(1));
  options_.wait(std::min(nap, wait));
  return std::nullopt;
}

InProcessTransport::Result InProcessTransport::Move(
    const client::AbandonCall& call, absl::Duration) {
  const absl::Time now = options_.clock->Now();
  auto delay =
      options_.engine->Abandon(options_.device, call.token, call.reason, now);
  options_.engine->Advance(now);
  return ToAnswer(std::move(delay));
}

InProcessTransport::Result InProcessTransport::Move(const client::ForgetCall&,
                                                    absl::Duration) {
  const absl::Status forgotten =
      options_.engine->ForgetDevice(options_.device.id);
  options_.engine->Advance(options_.clock->Now());
  if (!forgotten.ok()) return forgotten;
  return Answer(client::Forgotten());
}

}  // namespace shoal::simulations
