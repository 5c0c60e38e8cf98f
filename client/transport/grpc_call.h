// The calls of the gRPC transport. Each is a chain of operations on a
// completion queue, of which exactly one is on its way at any time.
#ifndef SHOAL_CLIENT_TRANSPORT_GRPC_CALL_H_
#define SHOAL_CLIENT_TRANSPORT_GRPC_CALL_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "client/failpoints.h"
#include "client/transport.h"
#include "client/transport/chunk_size.h"
#include "shoal/v1/fleet.grpc.pb.h"

namespace shoal::client {

// What calls share with the transport that makes them, which outlives them.
struct GrpcCallContext {
  v1::Fleet::Stub* stub = nullptr;
  grpc::CompletionQueue* queue = nullptr;
  // Longest time without a byte.
  absl::Duration window;
  ChunkSize* chunk_size = nullptr;
  Failpoints failpoints;
  // Payload.
  int64_t* sent = nullptr;
  int64_t* received = nullptr;
};

class GrpcCall {
 public:
  explicit GrpcCall(const GrpcCallContext& shared)
      : shared_(shared), window_(shared.window) {}
  virtual ~GrpcCall() = default;
  GrpcCall(const GrpcCall&) = delete;
  GrpcCall& operator=(const GrpcCall&) = delete;

  grpc::ClientContext& context() { return context_; }
  absl::Duration window() const { return window_; }

  // Puts the first operation on the queue.
  virtual void Begin() = 0;
  // The operation has ended, well or not: puts the next one on the queue. False
  // when the call is over.
  virtual bool Continue(bool ok) = 0;
  // Nothing has moved for the window; the call is given up.
  virtual void OnIdle() {}

  // REQUIRES: the call is over. An error of our own comes before the status;
  // the answer is there when both are OK.
  virtual absl::Status own_error() const { return absl::OkStatus(); }
  const grpc::Status& status() const { return status_; }
  virtual absl::StatusOr<Answer> TakeAnswer() = 0;

 protected:
  void* tag() { return this; }
  void set_window(absl::Duration window) { window_ = window; }

  const GrpcCallContext shared_;
  grpc::ClientContext context_;
  grpc::Status status_;

 private:
  absl::Duration window_;
};

// The call that does what `call` asks for.
std::unique_ptr<GrpcCall> MakeGrpcCall(const GrpcCallContext& shared,
                                       Call call);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_GRPC_CALL_H_
