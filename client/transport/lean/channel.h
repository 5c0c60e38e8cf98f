// Makes gRPC calls to one coordinator, one at a time, over a connection that is
// there while it is needed.
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_CHANNEL_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_CHANNEL_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "client/transport/lean/connection.h"
#include "client/transport/lean/grpc_call.h"
#include "client/transport/lean/idle_timer.h"

namespace shoal::client::lean {

// Used by one thread, except for Cancel().
class Channel {
 public:
  // Handshakes are of a fixed size, and so is the time for them (or the call's
  // window, when that is shorter).
  static constexpr absl::Duration kMaxConnectTime = absl::Seconds(20);
  // A peer that says nothing for so long during a call is pinged, so that
  // middleboxes do not forget the connection.
  static constexpr absl::Duration kPingAfter = absl::Seconds(20);
  // A connection that no call has used for so long may be dead without a sign
  // (middleboxes forget silent ones): the next call makes a new one.
  static constexpr absl::Duration kKeepFor = absl::Seconds(45);

  // `route`: see there. CHECK-fails when the system has no descriptors left.
  explicit Channel(const Route& route);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  // What may pass without movement, and whether bytes count as such; otherwise
  // the window is the whole time of the call.
  struct Patience {
    absl::Duration window;
    bool bytes_count = false;
    // If they do: the window from when all was sent on. Nothing moves while the
    // peer does its work.
    absl::Duration window_after_sending;
  };

  // Begins `call`, which must outlive it. REQUIRES: none is under way.
  void Start(const GrpcRequest& request, GrpcCall& call,
             const Patience& patience);

  // Moves the call on until something of it has moved (GrpcCall::TakeMoved),
  // waiting for the network for at most `wait`. nullopt: it is not over. OK: it
  // is over, as the call itself says. CANCELLED after Cancel(); UNAVAILABLE
  // when the connection failed or nothing has moved.
  std::optional<absl::Status> Step(absl::Duration wait);

  // Ends the running call; nothing of it is touched afterwards.
  void Drop();
  // Drops the call and closes the connection.
  void Close();

  // From any thread: ends the running call and all later ones.
  void Cancel();

  // Connections that calls opened so far, or tried to.
  int64_t connections() const { return connections_; }

 private:
  struct Running {
    GrpcRequest request;
    GrpcCall* call;
    Patience patience;
    IdleTimer idle;
    int32_t stream = 0;  // 0: not requested yet
    bool sent_all = false;
  };

  // A step goes on for so many rounds without waiting, whatever there is left
  // to read: enough for one message.
  static constexpr int kMaxRoundsPerStep = 20;

  // One round without waiting.
  std::optional<absl::Status> Advance(absl::Duration now);
  // Moves the connection on, and makes the request once it can be made.
  absl::Status MoveConnection(absl::Duration now);
  void NoteMovement(absl::Duration now);
  void PingWhenSilent(absl::Duration now);
  void WaitForSomething(absl::Duration now, absl::Duration at_most) const;
  // Forgets the call, which has ended with `status`.
  absl::Status End(absl::Status status);

  const Route route_;
  const std::string name_;  // of the coordinator, for errors
  const RealClock clock_;
  const int wake_fd_;
  std::atomic<bool> cancelled_ = false;
  std::optional<Running> running_;
  std::optional<Connection> connection_;
  int64_t connections_ = 0;
  bool is_fresh_ = true;      // no call has been made on the connection yet
  absl::Duration used_at_;    // the connection, by a call that has ended
  absl::Duration pinged_at_;  // or began to be silent
};

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_CHANNEL_H_
