// How much of an update to send at once.
#ifndef SHOAL_CLIENT_TRANSPORT_CHUNK_SIZE_H_
#define SHOAL_CLIENT_TRANSPORT_CHUNK_SIZE_H_

#include <cstdint>

#include "absl/time/time.h"
#include "protocol/messages.h"

namespace shoal::client {

// Follows the link, so that something moves several times within the window on
// any. A plain value type.
class ChunkSize {
 public:
  int64_t bytes() const { return bytes_; }
  // A chunk of that size went within `took`.
  void Sent(absl::Duration took, absl::Duration window);
  // One did not go within the window.
  void Failed();

 private:
  int64_t bytes_ = protocol::kMaxChunkBytes;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_CHUNK_SIZE_H_
