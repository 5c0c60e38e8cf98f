#include "client/transport/chunk_size.h"

#include <algorithm>

namespace shoal::client {
namespace {

constexpr int64_t kMinChunkBytes = 4 * 1024;

}  // namespace

void ChunkSize::Sent(absl::Duration took, absl::Duration window) {
  if (took > window / 8) {
    bytes_ = std::max(bytes_ / 2, kMinChunkBytes);
  } else if (took < window / 64) {
    bytes_ = std::min(bytes_ * 2, protocol::kMaxChunkBytes);
  }
}

void ChunkSize::Failed() { bytes_ = std::max(bytes_ / 8, kMinChunkBytes); }

}  // namespace shoal::client
