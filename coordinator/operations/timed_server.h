// An HTTP server whose clients have a limited time.
#ifndef SHOAL_COORDINATOR_OPERATIONS_TIMED_SERVER_H_
#define SHOAL_COORDINATOR_OPERATIONS_TIMED_SERVER_H_

#include <httplib.h>

#include <set>

#include "base/mutex.h"

namespace shoal::coordinator {

// Answers one request on each connection: it must have arrived 5 s after a
// thread took the connection, and its answer be taken 10 s after its first byte
// was written; the library bounds the silence between two bytes alone.
// Thread-safe.
class TimedServer final : public httplib::Server {
 public:
  // Ends all connections and those that come from now on: what waits for a
  // client goes on at once.
  void CutConnections() SHOAL_EXCLUDES(mutex_);

 private:
  bool process_and_close_socket(socket_t socket) override
      SHOAL_EXCLUDES(mutex_);

  Mutex mutex_;
  bool is_cut_ SHOAL_GUARDED_BY(mutex_) = false;
  std::set<socket_t> open_ SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_OPERATIONS_TIMED_SERVER_H_
