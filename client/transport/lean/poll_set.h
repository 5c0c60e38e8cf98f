// What one step of a connection may have to wait for.
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_POLL_SET_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_POLL_SET_H_

#include <poll.h>

#include <algorithm>
#include <array>

#include "absl/time/time.h"
#include "base/check.h"

namespace shoal::client::lean {

// Descriptors, and the time at which something is due. A plain value type:
// whoever waits adds what it waits for, and afterwards simply tries again.
class PollSet {
 public:
  void Add(int fd, short events) {
    SHOAL_CHECK(size_ < fds_.size());
    fds_[size_++] = {fd, events, 0};
  }
  // `at`: on the monotonic clock.
  void WakeAt(absl::Duration at) { wake_at_ = std::min(wake_at_, at); }

  // Until a descriptor is ready or the time has come, but at most for
  // `at_most`. `now`: of the monotonic clock.
  void Wait(absl::Duration now, absl::Duration at_most);

 private:
  // A resolver asks for up to 16, a connection for one, a wake-up for one.
  std::array<pollfd, 20> fds_;
  size_t size_ = 0;
  absl::Duration wake_at_ = absl::InfiniteDuration();
};

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_POLL_SET_H_
