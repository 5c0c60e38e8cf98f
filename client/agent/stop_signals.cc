#include "client/agent/stop_signals.h"

namespace shoal::client {

StopSignals::StopSignals() : waiter_(pthread_self()) {
  sigemptyset(&stop_);
  sigaddset(&stop_, SIGTERM);
  sigaddset(&stop_, SIGINT);
  awaited_ = stop_;
  sigaddset(&awaited_, SIGUSR1);
  pthread_sigmask(SIG_BLOCK, &awaited_, nullptr);
}

bool StopSignals::Wait() {
  int signal = 0;
  while (sigwait(&awaited_, &signal) != 0) {
  }
  if (signal == SIGUSR1) return false;
  pthread_sigmask(SIG_UNBLOCK, &stop_, nullptr);
  return true;
}

void StopSignals::Release() { pthread_kill(waiter_, SIGUSR1); }

}  // namespace shoal::client
