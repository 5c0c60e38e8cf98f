// The calls of the lean transport: what each sends, and what it makes of the
// answer. No I/O.
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_CALL_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_CALL_H_

#include <cstdint>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "client/failpoints.h"
#include "client/transport.h"
#include "client/transport/chunk_size.h"
#include "client/transport/lean/channel.h"
#include "client/transport/lean/grpc_call.h"

namespace shoal::client {

// What calls share with the transport that makes them, which outlives them.
struct LeanCallContext {
  // Longest time without a byte.
  absl::Duration window;
  ChunkSize* chunk_size = nullptr;
  Failpoints failpoints;
  // Payload.
  int64_t* sent = nullptr;
  int64_t* received = nullptr;
};

// One call; one thread.
class LeanCall {
 public:
  // `max_message_bytes`: of what the coordinator sends.
  LeanCall(const LeanCallContext& shared, size_t max_message_bytes);
  virtual ~LeanCall() = default;
  LeanCall(const LeanCall&) = delete;
  LeanCall& operator=(const LeanCall&) = delete;

  lean::GrpcCall& grpc() { return grpc_; }
  // "CheckIn"
  virtual absl::string_view method() const = 0;
  virtual lean::Channel::Patience patience() const = 0;

  // After every step of the channel.
  virtual void OnStepped() {}
  // The connection has failed, or nothing has moved.
  virtual void OnUnavailable() {}

  // REQUIRES: the call is over. An error of our own comes before all others;
  // the answer is there when nothing else went wrong.
  const absl::Status& own_error() const { return own_error_; }
  virtual absl::StatusOr<Answer> TakeAnswer() = 0;

 protected:
  // A message of the answer; an error ends the call.
  virtual absl::Status OnMessage(absl::string_view message) = 0;
  // All that was given to grpc().Send() is on its way.
  virtual void OnDrained() {}

  const LeanCallContext shared_;

 private:
  lean::GrpcCall grpc_;
  absl::Status own_error_;
};

// The call that does what `call` asks for.
std::unique_ptr<LeanCall> MakeLeanCall(const LeanCallContext& shared,
                                       Call call);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_CALL_H_
