#include "client/agent/stop_signals.h"

#include <errno.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/check.h"

namespace shoal::client {
namespace {

constexpr int kStopSignals[] = {SIGTERM, SIGINT};

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

StopSignals::~StopSignals() {
  if (fd_ >= 0) close(fd_);
}

void StopSignals::Hold() {
  SHOAL_CHECK(pthread_sigmask(SIG_BLOCK, &signals_, nullptr) == 0);
  SetAction(SIG_DFL);
  fd_ = signalfd(-1, &signals_, SFD_NONBLOCK | SFD_CLOEXEC);
  SHOAL_CHECK(fd_ >= 0);
}

bool StopSignals::HasCome() {
  if (has_come_) return true;
  signalfd_siginfo signal;
  if (read(fd_, &signal, sizeof signal) != sizeof signal) {
    SHOAL_CHECK(errno == EAGAIN || errno == EINTR);
    return false;
  }
  has_come_ = true;
  SHOAL_CHECK(pthread_sigmask(SIG_UNBLOCK, &signals_, nullptr) == 0);
  return true;
}

}  // namespace shoal::client
