// What an agent logs of its sessions: one line each. A coordinator that is away
// for long does not fill the log: why it cannot be reached is said once, and so
// is why the device is not assigned or held back.
#ifndef SHOAL_CLIENT_AGENT_SESSION_LOG_H_
#define SHOAL_CLIENT_AGENT_SESSION_LOG_H_

#include <cstdint>
#include <string>

#include "base/logging.h"
#include "client/include/shoal/client.h"

namespace shoal::client {

// Used by one thread.
class SessionLog {
 public:
  // `log` must outlive it.
  explicit SessionLog(Logger& log) : log_(log) {}

  // DEBUG, but for an assignment that is given up.
  void OnEvent(const ClientEvent& event);
  void OnSessionOver(const SessionReport& report);

 private:
  void OnUnreachable(const SessionReport& report);
  // How loud a session's line is: not to be assigned, or to be held back, is
  // worth one only for another reason than the last time.
  Severity NoteReason(const SessionReport& report);

  Logger& log_;
  int64_t retries_ = 0;      // of the running session
  int64_t unreachable_ = 0;  // sessions in a row
  std::string reason_;       // why a session last was not one that contributes
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_SESSION_LOG_H_
