// TLS 1.3 to the coordinator (OpenSSL).
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_TLS_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_TLS_H_

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "base/host_port.h"
#include "client/transport/channel_tls.h"
#include "client/transport/lean/socket.h"

namespace shoal::client::lean {

struct SslFreer {
  void operator()(SSL* ssl) const { SSL_free(ssl); }
  void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
  void operator()(SSL_SESSION* session) const { SSL_SESSION_free(session); }
};

// What all connections of a device have in common: its certificate, whom it
// trusts, and the ticket with which the next handshake needs no certificates.
// The ticket is kept in memory alone. One thread.
class TlsContext {
 public:
  // INVALID_ARGUMENT when the keys or certificates cannot be used.
  static absl::StatusOr<std::unique_ptr<TlsContext>> Create(
      const ChannelTls& tls);

  // A TLS stream over `socket` (connected) that speaks HTTP/2 with `peer` or
  // fails its handshake. The context must outlive it. RESOURCE_EXHAUSTED when
  // OpenSSL gets no memory.
  absl::StatusOr<std::unique_ptr<ByteStream>> Wrap(
      std::unique_ptr<Socket> socket, const HostPort& peer);

  // Handshakes so far that resumed an earlier connection.
  int64_t resumed() const { return SSL_CTX_sess_hits(context_.get()); }

 private:
  TlsContext() = default;
  // OpenSSL's callback: takes `session` over.
  static int KeepSession(SSL* ssl, SSL_SESSION* session);

  std::unique_ptr<SSL_CTX, SslFreer> context_;
  std::unique_ptr<SSL_SESSION, SslFreer> session_;
};

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_TLS_H_
