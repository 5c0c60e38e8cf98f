// A TLS server on loopback that echoes, for tests of what a client accepts.
#ifndef SHOAL_TESTS_CLIENT_TRANSPORT_LEAN_TLS_PEER_H_
#define SHOAL_TESTS_CLIENT_TRANSPORT_LEAN_TLS_PEER_H_

#include <openssl/ssl.h>

#include <atomic>
#include <string>

#include "protocol/certificates.h"
#include "tests/support/scripted_peer.h"

namespace shoal::testing {

struct TlsPeerOptions {
  int max_version = TLS1_3_VERSION;
  bool http2 = true;                // offers it by ALPN
  bool reads = true;                // after the handshake
  const char* client_ca = nullptr;  // PEM: asks for a certificate of it
};

// Every connection gets back what it sends, if it is read.
class TlsPeer {
 public:
  TlsPeer(const protocol::KeyAndCertificate& leaf,
          const TlsPeerOptions& options = {});
  ~TlsPeer();

  std::string address() const { return peer_.address(); }
  int resumed() const { return resumed_; }
  int with_certificate() const { return with_certificate_; }

 private:
  SSL_CTX* MakeContext(const protocol::KeyAndCertificate& leaf,
                       const TlsPeerOptions& options);
  void NoteClient(SSL* ssl);
  void Echo(PeerConnection& connection);

  SSL_CTX* const context_;
  const bool reads_;
  std::atomic<int> resumed_ = 0;
  std::atomic<int> with_certificate_ = 0;
  ScriptedPeer peer_;  // last: its thread uses the rest
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_CLIENT_TRANSPORT_LEAN_TLS_PEER_H_
