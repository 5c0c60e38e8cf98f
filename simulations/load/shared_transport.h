// One of many transports over the same connection and the same loop: a device
// of a fleet that has too many of them for a connection and a thread each.
#ifndef SHOAL_SIMULATIONS_LOAD_SHARED_TRANSPORT_H_
#define SHOAL_SIMULATIONS_LOAD_SHARED_TRANSPORT_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "client/transport.h"
#include "client/transport/chunk_size.h"
#include "client/transport/grpc_call.h"
#include "shoal/v1/fleet.grpc.pb.h"
#include "simulations/load/call_loop.h"

namespace shoal::simulations {

struct SharedTransportOptions {
  v1::Fleet::Stub* stub = nullptr;  // over the connection
  CallLoop* loop = nullptr;         // both must outlive the transport
  std::string coordinator;          // HOST:PORT, for errors
  std::string device;               // names itself so: there is no TLS
  absl::Duration idle_window = absl::Seconds(30);
  // Called by the loop when Step(), which does not wait then, has something to
  // do. Empty: Step() turns the loop itself.
  std::function<void()> on_event;
};

// As client::GrpcTransport, but that its connection is not its own: Close()
// does not close it.
class SharedTransport final : public client::Transport {
 public:
  explicit SharedTransport(SharedTransportOptions options);
  ~SharedTransport() override { Drop(); }

  void Start(client::Call call) override SHOAL_EXCLUDES(mutex_);
  std::optional<absl::StatusOr<client::Answer>> Step(
      absl::Duration wait) override SHOAL_EXCLUDES(mutex_);
  void Cancel() override SHOAL_EXCLUDES(mutex_);
  void Drop() override SHOAL_EXCLUDES(mutex_);
  void Close() override;
  int64_t connections() const override { return was_used_ ? 1 : 0; }
  int64_t bytes_sent() const override { return sent_; }
  int64_t bytes_received() const override { return received_; }

  // Whether a call is under way, and nothing is to be done for it but to wait.
  bool is_waiting() const { return call_ != nullptr && !event_.has_value(); }

 private:
  void Await();
  // Forgets the call, whose operation may still be on the queue.
  void Abandon() SHOAL_EXCLUDES(mutex_);
  std::unique_ptr<client::GrpcCall> Take() SHOAL_EXCLUDES(mutex_);
  absl::StatusOr<client::Answer> Result() SHOAL_EXCLUDES(mutex_);
  bool cancelled() const SHOAL_EXCLUDES(mutex_);

  const SharedTransportOptions options_;
  const RealClock clock_{};
  std::unique_ptr<client::GrpcCall> call_;
  std::optional<bool> event_;  // the call's operation has ended, well or not
  absl::Duration window_;
  absl::Duration moved_at_;  // on the monotonic clock
  client::ChunkSize chunk_size_;
  bool was_used_ = false;
  int64_t sent_ = 0;
  int64_t received_ = 0;

  mutable Mutex mutex_;
  bool cancelled_ SHOAL_GUARDED_BY(mutex_) = false;
  grpc::ClientContext* running_ SHOAL_GUARDED_BY(mutex_) = nullptr;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LOAD_SHARED_TRANSPORT_H_
