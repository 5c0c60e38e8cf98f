#include "client/transport/lean/poll_set.h"

#include <cstdint>
#include <limits>

namespace shoal::client::lean {
namespace {

// Rounded up: a moment too early would mean a second call for the rest.
int PollMilliseconds(absl::Duration wait) {
  if (wait == absl::InfiniteDuration()) return -1;
  const int64_t milliseconds =
      absl::ToInt64Milliseconds(absl::Ceil(wait, absl::Milliseconds(1)));
  return static_cast<int>(
      std::clamp<int64_t>(milliseconds, 0, std::numeric_limits<int>::max()));
}

}  // namespace

void PollSet::Wait(absl::Duration now, absl::Duration at_most) {
  const absl::Duration wait = std::min(at_most, wake_at_ - now);
  poll(fds_.data(), size_, PollMilliseconds(wait));
}

}  // namespace shoal::client::lean
