// How a device reaches its coordinator. Calls block; they fail with
// UNAVAILABLE when the coordinator cannot be reached or no byte has moved for
// the idle window, with CANCELLED after Cancel(), and with a refusal
// (protocol/refusal.h) when the coordinator says no.
#ifndef SHOAL_CLIENT_TRANSPORT_H_
#define SHOAL_CLIENT_TRANSPORT_H_

#include <cstdint>
#include <functional>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "protocol/messages.h"

namespace shoal::client {

// Used by one thread, except for Cancel(). One conformance suite runs over all
// implementations.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual absl::StatusOr<protocol::CheckInAnswer> CheckIn(
      const protocol::CheckIn& message) = 0;

  // Streams the model's bytes from `offset` on into `sink`, in order; an error
  // of the sink ends the call with that error.
  virtual absl::Status FetchModel(
      const Digest& digest, int64_t offset,
      const std::function<absl::Status(absl::string_view)>& sink) = 0;

  virtual absl::StatusOr<protocol::UploadProgress> QueryUpload(
      absl::string_view token, const Digest& digest) = 0;

  // Sends `update` from header.offset on, in chunks, and waits for the
  // receipt.
  virtual absl::StatusOr<protocol::UploadReceipt> Upload(
      const protocol::UploadHeader& header, absl::string_view update) = 0;

  // Gives the assignment up; returns when to check in next.
  virtual absl::StatusOr<absl::Duration> Abandon(
      absl::string_view token, protocol::AbandonReason reason) = 0;

  // From any thread: ends the running call and all later ones.
  virtual void Cancel() = 0;

  // Payload bytes so far.
  virtual int64_t bytes_sent() const = 0;
  virtual int64_t bytes_received() const = 0;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_H_
