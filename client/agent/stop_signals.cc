#include "client/agent/stop_signals.h"

#include <errno.h>
#include <unistd.h>

#include <algorithm>

#include "base/check.h"

namespace shoal::client {
namespace {

constexpr int kStopSignals[] = {SIGTERM, SIGINT};
// What sigtimedwait takes; nobody notices that it is not for ever.
constexpr absl::Duration kLongestWait = absl::Hours(24);

void EndAtOnce(int) { _exit(0); }

void SetAction(void (*action)(int)) {
  struct sigaction how = {};
  how.sa_handler = action;
  for (const int signal : kStopSignals) {
    SHOAL_CHECK(sigaction(signal, &how, nullptr) == 0);
  }
}

}  // namespace

StopSignals::StopSignals() {
  sigemptyset(&signals_);
  for (const int signal : kStopSignals) sigaddset(&signals_, signal);
  SetAction(EndAtOnce);
}

void StopSignals::Hold() {
  SHOAL_CHECK(pthread_sigmask(SIG_BLOCK, &signals_, nullptr) == 0);
  SetAction(SIG_DFL);
}

bool StopSignals::Await(absl::Duration wait) {
  if (has_come_) return true;
  const timespec timeout =
      absl::ToTimespec(std::clamp(wait, absl::ZeroDuration(), kLongestWait));
  const int signal = sigtimedwait(&signals_, nullptr, &timeout);
  if (signal < 0) {
    SHOAL_CHECK(errno == EAGAIN || errno == EINTR);
    return false;
  }
  has_come_ = true;
  SHOAL_CHECK(pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr) == 0);
  return true;
}

}  // namespace shoal::client
