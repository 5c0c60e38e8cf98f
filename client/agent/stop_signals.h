// SIGTERM and SIGINT as something to wait for.
#ifndef SHOAL_CLIENT_AGENT_STOP_SIGNALS_H_
#define SHOAL_CLIENT_AGENT_STOP_SIGNALS_H_

#include <signal.h>

namespace shoal::client {

// Make one in main, before any thread. Until Hold() a signal ends the process
// at once, as a success: there is nothing yet that needs an end. One thread.
class StopSignals {
 public:
  StopSignals();
  ~StopSignals();
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;

  // From now on signals are waited for.
  void Hold();
  // To be polled for input: a signal has come. REQUIRES: Hold() was called.
  int fd() const { return fd_; }
  // Whether one has come. After the first one the next ends the process at
  // once. REQUIRES: Hold() was called.
  bool HasCome();

 private:
  sigset_t signals_;
  int fd_ = -1;
  bool has_come_ = false;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_STOP_SIGNALS_H_
