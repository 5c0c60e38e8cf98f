#include "simulations/in_process_transport.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/digest.h"
#include "base/mutex.h"
#include "base/status_macros.h"

namespace shoal::simulations {
namespace {

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

}  // namespace

InProcessTransport::InProcessTransport(InProcessOptions options)
    : options_(std::move(options)) {
  SHOAL_CHECK(options_.engine != nullptr && options_.clock != nullptr);
  SHOAL_CHECK(options_.wait != nullptr);
}

absl::Status InProcessTransport::CheckRunning() const {
  if (!cancelled_) return absl::OkStatus();
  return absl::CancelledError("the transport was cancelled");
}

absl::StatusOr<protocol::CheckInAnswer> InProcessTransport::CheckIn(
    const protocol::CheckIn& message) {
  SHOAL_RETURN_IF_ERROR(CheckRunning());
  const absl::Time now = options_.clock->Now();
  auto answer = options_.engine->CheckIn(options_.device, message, now);
  options_.engine->Advance(now);
  return answer;
}

absl::Status InProcessTransport::FetchModel(
    const Digest& digest, int64_t offset,
    const std::function<absl::Status(absl::string_view)>& sink) {
  while (true) {
    SHOAL_RETURN_IF_ERROR(CheckRunning());
    SHOAL_ASSIGN_OR_RETURN(const std::string chunk,
                           options_.engine->ReadModel(digest, offset));
    if (chunk.empty()) return absl::OkStatus();
    offset += static_cast<int64_t>(chunk.size());
    bytes_received_ += static_cast<int64_t>(chunk.size());
    SHOAL_RETURN_IF_ERROR(sink(chunk));
  }
}

absl::StatusOr<protocol::UploadProgress> InProcessTransport::QueryUpload(
    absl::string_view token, const Digest& digest) {
  SHOAL_RETURN_IF_ERROR(CheckRunning());
  return options_.engine->QueryUpload(options_.device, token, digest,
                                      options_.clock->Now());
}

absl::Status InProcessTransport::SendChunks(coordinator::UploadStream& stream,
                                            absl::string_view update) {
  for (int64_t offset = stream.offset();
       offset < static_cast<int64_t>(update.size());) {
    SHOAL_RETURN_IF_ERROR(CheckRunning());
    const absl::string_view chunk =
        update.substr(offset, protocol::kMaxChunkBytes);
    SHOAL_RETURN_IF_ERROR(stream.Append(offset, chunk, Crc32(chunk)));
    offset += static_cast<int64_t>(chunk.size());
    bytes_sent_ += static_cast<int64_t>(chunk.size());
  }
  return absl::OkStatus();
}

absl::StatusOr<UploadReceipt> InProcessTransport::Upload(
    const protocol::UploadHeader& header, absl::string_view update) {
  SHOAL_RETURN_IF_ERROR(CheckRunning());
  SHOAL_ASSIGN_OR_RETURN(coordinator::UploadStart start,
                         options_.engine->BeginUpload(options_.device, header,
                                                      options_.clock->Now()));
  if (start.receipt.has_value()) return *start.receipt;
  SHOAL_RETURN_IF_ERROR(SendChunks(*start.stream, update));
  // Shared with the engine, which may answer after this call was cancelled.
  const auto pending = std::make_shared<PendingReceipt>();
  SHOAL_RETURN_IF_ERROR(start.stream->Finish(
      options_.clock->Now(), [pending](absl::StatusOr<UploadReceipt> result) {
        pending->Set(std::move(result));
      }));
  start.stream.reset();
  while (true) {
    const absl::Time now = options_.clock->Now();
    const absl::Time next = options_.engine->Advance(now);
    if (auto result = pending->Get(); result.has_value()) return *result;
    SHOAL_RETURN_IF_ERROR(CheckRunning());
    options_.wait(
        std::clamp(next - now, absl::Milliseconds(1), absl::Seconds(1)));
  }
}

absl::StatusOr<absl::Duration> InProcessTransport::Abandon(
    absl::string_view token, protocol::AbandonReason reason) {
  SHOAL_RETURN_IF_ERROR(CheckRunning());
  const absl::Time now = options_.clock->Now();
  auto delay = options_.engine->Abandon(options_.device, token, reason, now);
  options_.engine->Advance(now);
  return delay;
}

}  // namespace shoal::simulations
