// How long a call may go on without anything moving.
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_IDLE_TIMER_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_IDLE_TIMER_H_

#include <cstdint>

#include "absl/time/time.h"

namespace shoal::client::lean {

// A plain value type. Times are of the monotonic clock.
class IdleTimer {
 public:
  // Fewer bytes do not count as movement: a peer that trickles must not hold a
  // device for days. Uploads are cut into pieces of at least this size, too.
  static constexpr int64_t kMinBytes = 4 * 1024;

  IdleTimer(absl::Duration window, absl::Duration now)
      : window_(window), moved_at_(now) {}

  // Something has moved for sure; from here on the window is this one.
  void Restart(absl::Duration window, absl::Duration now) {
    window_ = window;
    moved_at_ = now;
  }
  // `bytes` have been moved since the start.
  void Advance(int64_t bytes, absl::Duration now) {
    if (bytes < counted_ + kMinBytes) return;
    counted_ = bytes;
    moved_at_ = now;
  }

  absl::Duration window() const { return window_; }
  absl::Duration ends_at() const { return moved_at_ + window_; }

 private:
  absl::Duration window_;
  absl::Duration moved_at_;
  int64_t counted_ = 0;
};

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_IDLE_TIMER_H_
