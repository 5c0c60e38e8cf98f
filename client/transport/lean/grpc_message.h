// Messages inside a gRPC body: a flag, a length of four bytes, and so many
// bytes (gRPC over HTTP/2, "Length-Prefixed-Message").
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_GRPC_MESSAGE_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_GRPC_MESSAGE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"

namespace shoal::client::lean {

inline constexpr size_t kMessagePrefixBytes = 5;

// What stands before a message of `num_bytes`, not compressed.
std::array<char, kMessagePrefixBytes> MessagePrefix(size_t num_bytes);

// Puts messages together from the pieces that arrive. One thread.
class MessageAssembler {
 public:
  using Sink = std::function<absl::Status(absl::string_view)>;

  // Longer messages are refused before anything is kept of them.
  explicit MessageAssembler(size_t max_message_bytes)
      : max_message_bytes_(max_message_bytes) {}

  // Hands every message that `bytes` completes to `sink`, whose error ends it.
  // INTERNAL for a compressed message, which nobody has asked for, and
  // RESOURCE_EXHAUSTED for one that is too long. After an error it is not used
  // again.
  absl::Status Add(absl::string_view bytes, const Sink& sink);

  // Whether the body may end here.
  bool is_between_messages() const { return held_.empty(); }

 private:
  // The whole size of the message that starts with `prefix`.
  absl::Status ReadPrefix(absl::string_view prefix);

  const size_t max_message_bytes_;
  size_t message_bytes_ = 0;  // of the first message, with its prefix
  std::string held_;          // of a message that is not complete
};

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_GRPC_MESSAGE_H_
