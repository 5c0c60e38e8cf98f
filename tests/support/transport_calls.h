// The calls of a Transport as blocking functions, for tests.
#ifndef SHOAL_TESTS_SUPPORT_TRANSPORT_CALLS_H_
#define SHOAL_TESTS_SUPPORT_TRANSPORT_CALLS_H_

#include <functional>
#include <string>
#include <utility>
#include <variant>

#include "client/transport.h"

namespace shoal::testing {

// REQUIRES: T is what such a call is answered with.
template <typename T>
absl::StatusOr<T> PerformFor(client::Transport& transport, client::Call call) {
  absl::StatusOr<client::Answer> answer =
      client::Perform(transport, std::move(call));
  if (!answer.ok()) return answer.status();
  return std::get<T>(*std::move(answer));
}

inline absl::StatusOr<protocol::CheckInAnswer> CheckIn(
    client::Transport& transport, const protocol::CheckIn& message) {
  return PerformFor<protocol::CheckInAnswer>(transport,
                                             client::CheckInCall{message});
}

inline absl::Status FetchInto(
    client::Transport& transport, const Digest& digest, int64_t offset,
    std::function<absl::Status(absl::string_view)> sink) {
  return PerformFor<client::Fetched>(
             transport, client::FetchCall{digest, offset, std::move(sink)})
      .status();
}

inline absl::StatusOr<std::string> Fetch(client::Transport& transport,
                                         const Digest& digest, int64_t offset) {
  std::string bytes;
  absl::Status status =
      FetchInto(transport, digest, offset, [&](absl::string_view chunk) {
        bytes.append(chunk.data(), chunk.size());
        return absl::OkStatus();
      });
  if (!status.ok()) return status;
  return bytes;
}

inline absl::StatusOr<protocol::UploadProgress> QueryUpload(
    client::Transport& transport, const std::string& token,
    const Digest& digest) {
  return PerformFor<protocol::UploadProgress>(transport,
                                              client::QueryCall{token, digest});
}

inline absl::StatusOr<protocol::UploadReceipt> Upload(
    client::Transport& transport, const protocol::UploadHeader& header,
    absl::string_view update) {
  return PerformFor<protocol::UploadReceipt>(
      transport,
      client::UploadCall{header, std::make_shared<const std::string>(update)});
}

inline absl::StatusOr<absl::Duration> Abandon(client::Transport& transport,
                                              const std::string& token,
                                              protocol::AbandonReason reason) {
  return PerformFor<absl::Duration>(transport,
                                    client::AbandonCall{token, reason});
}

inline absl::Status Forget(client::Transport& transport) {
  return PerformFor<client::Forgotten>(transport, client::ForgetCall{})
      .status();
}

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_TRANSPORT_CALLS_H_
