// One HTTP/2 connection as a client has it (RFC 9113, over nghttp2). No I/O:
// it is given the bytes that came and says which to send, so that it can be
// tested and fuzzed without a network.
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_HTTP2_SESSION_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_HTTP2_SESSION_H_

#include <nghttp2/nghttp2.h>

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "client/transport/lean/capped_memory.h"

namespace shoal::client::lean {

// Whoever made a request; called from inside Http2Session::Receive() and
// Output().
class Http2Stream {
 public:
  virtual ~Http2Stream() = default;

  // A field of the response's header or trailer.
  virtual void OnHeader(absl::string_view name, absl::string_view value) = 0;
  virtual void OnData(absl::string_view bytes) = 0;
  // The peer has said all it had to say.
  virtual void OnEnd() = 0;
  // The stream is gone; `error_code` as in RFC 9113 §7. The last call.
  virtual void OnClosed(uint32_t error_code) = 0;

  // Writes the next bytes of the request's body to `out`; 0 when there are
  // none now (Http2Session::Resume tells of more). Sets `is_last` with the last
  // ones.
  virtual size_t ReadBody(absl::Span<char> out, bool& is_last) = 0;
};

using Http2Headers = std::vector<std::pair<std::string, std::string>>;

// One thread. Hard limits: frames of 16 KiB, a response's header fields of
// kMaxHeaderBytes, windows of kWindowBytes, memory of kMaxMemoryBytes.
class Http2Session {
 public:
  // Names, values and 32 bytes for every field, as RFC 9113 §6.5.2 counts.
  static constexpr size_t kMaxHeaderBytes = 16 * 1024;
  // What a peer may send before we have read it, per stream and in all.
  static constexpr int kWindowBytes = 256 * 1024;
  // Of nghttp2: tables, queues and frames in the making.
  static constexpr size_t kMaxMemoryBytes = 256 * 1024;

  Http2Session();
  ~Http2Session();
  Http2Session(const Http2Session&) = delete;
  Http2Session& operator=(const Http2Session&) = delete;

  // Takes bytes of the peer. UNAVAILABLE when they break HTTP/2's rules or our
  // limits: the connection is lost. Any other error as by Output().
  absl::Status Receive(absl::string_view bytes);

  // The bytes to send next, "" when there are none; valid until the next call
  // of any method. UNAVAILABLE when the connection is lost: what a peer did
  // wrong may turn out only when it is to be told.
  absl::StatusOr<absl::string_view> Output();
  // The first `size` bytes of Output() were sent.
  void Sent(size_t size) { output_.remove_prefix(size); }

  // Makes a request, and returns the number of its stream. `stream` must
  // outlive it. UNAVAILABLE when the peer takes no more of them.
  absl::StatusOr<int32_t> Request(const Http2Headers& headers,
                                  Http2Stream& stream);
  // The request's body has more bytes.
  void Resume(int32_t stream);
  // Ends the stream, from both sides, without further calls of its owner.
  void Reset(int32_t stream);
  void Ping();

  // Whether another request may be made: the peer has not said that it goes.
  bool accepts_requests() const;
  const CappedMemory& memory() const { return memory_; }

 private:
  struct Callbacks;

  // Of a call of nghttp2 that has failed.
  absl::Status Failed(int error);

  CappedMemory memory_{kMaxMemoryBytes};
  nghttp2_mem allocator_;
  nghttp2_session* session_ = nullptr;
  absl::string_view output_;
  size_t header_bytes_ = 0;  // of the header that is being received
  absl::Status broken_;      // what the peer did wrong
};

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_HTTP2_SESSION_H_
