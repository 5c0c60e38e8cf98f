// One gRPC call: its messages inside an HTTP/2 stream, and how it ended. Unary
// calls and streams in either or both directions are the same to it. No I/O.
// https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_GRPC_CALL_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_GRPC_CALL_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/transport/lean/grpc_message.h"
#include "client/transport/lean/http2_session.h"

namespace shoal::client::lean {

// What a call is asked for with.
struct GrpcRequest {
  std::string path;       // "/shoal.v1.Fleet/CheckIn"
  std::string authority;  // "fleet.example.org:7600"
  bool tls = true;
  absl::Duration timeout = absl::InfiniteDuration();  // told to the peer
  Http2Headers metadata;
};
Http2Headers HeadersOf(const GrpcRequest& request);

// What the peer said at the end of a call.
struct GrpcStatus {
  int code = 0;         // 0: OK; as absl::StatusCode
  std::string message;  // decoded
  std::string details;  // bytes
};

// One call; one thread.
class GrpcCall final : public Http2Stream {
 public:
  struct Handlers {
    // Every message of the answer; an error ends the call.
    std::function<absl::Status(absl::string_view)> on_message;
    // All that was given to Send() is on its way: time to send more, or to
    // close. May be empty. Not asked again before TakeMoved().
    std::function<void()> on_drained;
  };

  GrpcCall(size_t max_message_bytes, Handlers handlers)
      : handlers_(std::move(handlers)), assembler_(max_message_bytes) {}

  // Sends the message `head` + `tail`; `tail` must stay until it is on its way.
  void Send(std::string head, absl::string_view tail = "");
  // No further message follows.
  void CloseSending() { closed_sending_ = true; }

  bool over() const { return over_; }
  // Whether its stream is gone, too; otherwise a call that is over still has to
  // be reset.
  bool stream_closed() const { return stream_closed_; }
  // REQUIRES: over(). Not OK when something went wrong on this side, or when
  // the answer broke gRPC's rules; otherwise status() is what the peer said.
  const absl::Status& failure() const { return failure_; }
  const GrpcStatus& status() const { return status_; }

  // Whether a message has come, or one of ours, or the end of sending, is on
  // its way since it was asked last.
  bool TakeMoved() { return std::exchange(moved_, false); }

  // Whether everything is on its way, the end of sending included.
  bool sent_all() const { return sent_all_; }
  // Of the bodies, both ways.
  int64_t bytes_moved() const { return bytes_moved_; }

  // Http2Stream:
  void OnHeader(absl::string_view name, absl::string_view value) override;
  void OnData(absl::string_view bytes) override;
  void OnEnd() override;
  void OnClosed(uint32_t error_code) override;
  size_t ReadBody(absl::Span<char> out, bool& is_last) override;

 private:
  struct Outgoing {
    std::string head;
    absl::string_view tail;
  };
  void Fail(absl::Status why);

  const Handlers handlers_;
  MessageAssembler assembler_;
  std::deque<Outgoing> outgoing_;
  size_t sent_of_first_ = 0;
  bool closed_sending_ = false;
  bool sent_all_ = false;
  bool moved_ = false;
  int64_t bytes_moved_ = 0;

  int http_status_ = 0;
  bool is_grpc_ = false;
  bool has_status_ = false;
  GrpcStatus status_;
  absl::Status failure_;
  bool over_ = false;
  bool stream_closed_ = false;
};

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_GRPC_CALL_H_
