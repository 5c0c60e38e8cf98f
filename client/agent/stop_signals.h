// SIGTERM and SIGINT as something to wait for.
#ifndef SHOAL_CLIENT_AGENT_STOP_SIGNALS_H_
#define SHOAL_CLIENT_AGENT_STOP_SIGNALS_H_

#include <pthread.h>
#include <signal.h>

namespace shoal::client {

// Make one in main, before any thread: it blocks the signals for this thread
// and for those that are started later.
class StopSignals {
 public:
  StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // Waits, on the thread that made this object. True: a signal has come, and
  // the next one ends the process at once. False: Release() was called.
  bool Wait();
  // From any thread.
  void Release();

 private:
  const pthread_t waiter_;
  sigset_t stop_;     // SIGTERM, SIGINT
  sigset_t awaited_;  // and SIGUSR1, which stands for Release()
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_STOP_SIGNALS_H_
