// Bytes to and from a peer, without ever waiting for them.
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_BYTE_STREAM_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_BYTE_STREAM_H_

#include <cstddef>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace shoal::client::lean {

// A connected socket, with or without TLS around it. One thread.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  // Moves the handshake on; true once it is over and bytes may follow.
  // UNAVAILABLE when the peer is not who it should be, or gone.
  virtual absl::StatusOr<bool> Handshake() = 0;

  // Reads at most out.size() bytes; 0 when there is nothing now. UNAVAILABLE
  // at the end of the stream and when the connection is lost.
  virtual absl::StatusOr<size_t> Read(absl::Span<char> out) = 0;

  // Writes a prefix of `bytes`; 0 when nothing fits now. After that the same
  // bytes have to be offered again. UNAVAILABLE when the connection is lost.
  virtual absl::StatusOr<size_t> Write(absl::string_view bytes) = 0;

  // What the next attempt waits for: that `fd` is readable, and, when
  // wants_write(), also that it is writable.
  virtual int fd() const = 0;
  virtual bool wants_write() const = 0;
};

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_BYTE_STREAM_H_
