#include "client/transport/lean/grpc_message.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace shoal::client::lean {

std::array<char, kMessagePrefixBytes> MessagePrefix(size_t num_bytes) {
  return {0, static_cast<char>(num_bytes >> 24),
          static_cast<char>(num_bytes >> 16), static_cast<char>(num_bytes >> 8),
          static_cast<char>(num_bytes)};
}

absl::Status MessageAssembler::ReadPrefix(absl::string_view prefix) {
  if (prefix[0] != 0) {
    return absl::InternalError(
        "the coordinator sent a compressed message, expected a plain one");
  }
  size_t size = 0;
  for (size_t i = 1; i < kMessagePrefixBytes; ++i) {
    size = size << 8 | static_cast<uint8_t>(prefix[i]);
  }
  if (size > max_message_bytes_) {
    return absl::ResourceExhaustedError(
        absl::StrCat("the coordinator sent a message of ", size,
                     " bytes, expected at most ", max_message_bytes_));
  }
  message_bytes_ = kMessagePrefixBytes + size;
  return absl::OkStatus();
}

absl::Status MessageAssembler::Add(absl::string_view bytes, const Sink& sink) {
  while (true) {
    // The first message goes through held_ unless `bytes` has it whole.
    const size_t have = held_.empty() ? bytes.size() : held_.size();
    if (have < kMessagePrefixBytes) {
      const size_t take =
          std::min(bytes.size(), kMessagePrefixBytes - held_.size());
      held_.append(bytes.data(), take);
      bytes.remove_prefix(take);
      if (held_.size() < kMessagePrefixBytes) return absl::OkStatus();
      continue;
    }
    const absl::string_view front = held_.empty() ? bytes : held_;
    SHOAL_RETURN_IF_ERROR(ReadPrefix(front.substr(0, kMessagePrefixBytes)));
    if (held_.empty() && bytes.size() >= message_bytes_) {
      SHOAL_RETURN_IF_ERROR(sink(bytes.substr(
          kMessagePrefixBytes, message_bytes_ - kMessagePrefixBytes)));
      bytes.remove_prefix(message_bytes_);
      continue;
    }
    held_.reserve(message_bytes_);
    const size_t take = std::min(bytes.size(), message_bytes_ - held_.size());
    held_.append(bytes.data(), take);
    bytes.remove_prefix(take);
    if (held_.size() < message_bytes_) return absl::OkStatus();
    SHOAL_RETURN_IF_ERROR(
        sink(absl::string_view(held_).substr(kMessagePrefixBytes)));
    held_ = std::string();  // gives its memory back
  }
}

}  // namespace shoal::client::lean
