// Host names to addresses, without a thread and without blocking (c-ares).
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_RESOLVER_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_RESOLVER_H_

#include <ares.h>

#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/host_port.h"
#include "client/transport/lean/poll_set.h"
#include "client/transport/lean/socket.h"

namespace shoal::client::lean {

// Looks one host up, in /etc/hosts and with the servers of /etc/resolv.conf.
// Addresses come in the order in which RFC 6724 prefers them. One thread.
class Resolver {
 public:
  // Begins. Numeric hosts and "localhost" are answered at once.
  explicit Resolver(const HostPort& target);
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Moves on; true once addresses() are there. UNAVAILABLE when there are none.
  absl::StatusOr<bool> Step();
  const std::vector<SocketAddress>& addresses() const { return addresses_; }

  void AddWaits(absl::Duration now, PollSet& waits) const;

 private:
  static void OnFound(void* self, int status, int timeouts,
                      ares_addrinfo* found);

  const HostPort target_;
  ares_channel channel_ = nullptr;
  bool done_ = false;
  absl::Status status_;
  std::vector<SocketAddress> addresses_;
};

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_RESOLVER_H_
