// A connection to a coordinator: dialled, secured, and spoken HTTP/2 on.
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_CONNECTION_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_CONNECTION_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/host_port.h"
#include "client/transport/lean/byte_stream.h"
#include "client/transport/lean/dialer.h"
#include "client/transport/lean/http2_session.h"
#include "client/transport/lean/poll_set.h"
#include "client/transport/lean/tls.h"
#include "client/transport/proxy.h"

namespace shoal::client::lean {

// Where a connection leads. All that is pointed at must outlive it.
struct Route {
  HostPort coordinator;
  const Proxy* proxy = nullptr;  // null: none
  TlsContext* tls = nullptr;     // null: plaintext
};

// One connection, from the look-up of the name to its loss. One thread. Its
// errors are sentences for people and UNAVAILABLE; after one it is dead.
class Connection {
 public:
  explicit Connection(const Route& route);

  // Does what can be done without waiting, but reads once at most. `now`: of
  // the monotonic clock.
  absl::Status Step(absl::Duration now);
  // Whether the last step has read something: there may be more.
  bool has_more() const { return has_more_; }
  void AddWaits(absl::Duration now, PollSet& waits) const;

  // Null before requests may be made.
  Http2Session* session() {
    return session_.has_value() ? &*session_ : nullptr;
  }
  // When bytes came last; of session() only.
  absl::Duration received_at() const { return received_at_; }

 private:
  // True once stream_ is there, and its handshake over.
  absl::StatusOr<bool> Establish(absl::Duration now);
  // Sends what there is, and receives once.
  absl::Status Exchange(absl::Duration now);
  absl::StatusOr<bool> SendSome();
  absl::StatusOr<bool> ReceiveSome(absl::Duration now);
  absl::Status Explain(const absl::Status& status) const;

  const Route route_;
  const std::string name_;  // of the coordinator, for errors
  std::optional<Dialer> dialer_;
  std::unique_ptr<ByteStream> stream_;
  std::optional<Http2Session> session_;
  absl::Duration received_at_;
  bool has_more_ = false;
};

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_CONNECTION_H_
