// A TCP connection to the coordinator: its name looked up, its addresses tried
// one after the other, and a tunnel asked for where there is a proxy.
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_DIALER_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_DIALER_H_

#include <memory>
#include <optional>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/host_port.h"
#include "client/transport/lean/poll_set.h"
#include "client/transport/lean/proxy_tunnel.h"
#include "client/transport/lean/resolver.h"
#include "client/transport/lean/socket.h"
#include "client/transport/proxy.h"

namespace shoal::client::lean {

// Makes one connection. One thread.
class Dialer {
 public:
  // An address that does not answer for so long is passed over while there is
  // another one.
  static constexpr absl::Duration kPerAddress = absl::Seconds(5);

  // `proxy` may be null. How long it all may take is the caller's to say.
  Dialer(const HostPort& target, const Proxy* proxy);

  // Moves on; the socket once it leads to the target, null before. UNAVAILABLE
  // when no address answers or the proxy refuses. `now`: monotonic.
  absl::StatusOr<std::unique_ptr<Socket>> Step(absl::Duration now);

  void AddWaits(absl::Duration now, PollSet& waits) const;

 private:
  // True once socket_ is connected.
  absl::StatusOr<bool> Connect(absl::Duration now);
  // Goes on to the next address; `why`, when there is none.
  absl::Status TryNext(absl::Duration now, const absl::Status& why);
  bool HasNext() const { return next_ < resolver_.addresses().size(); }

  Resolver resolver_;
  size_t next_ = 0;                 // address
  std::unique_ptr<Socket> socket_;  // that is being connected
  bool connected_ = false;
  absl::Duration give_up_at_;  // on socket_'s address
  std::optional<ProxyTunnel> tunnel_;
};

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_DIALER_H_
