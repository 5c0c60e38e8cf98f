#include "tests/client/transport/lean/tls_peer.h"

#include <openssl/err.h>

#include "base/check.h"
#include "protocol/openssl_handles.h"
#include "protocol/pem.h"

namespace shoal::testing {
namespace {

int ChooseHttp2(SSL*, const unsigned char** chosen, unsigned char* size,
                const unsigned char* offered, unsigned int offered_size,
                void*) {
  if (offered_size < 3) return SSL_TLSEXT_ERR_NOACK;
  *chosen = offered + 1;
  *size = offered[0];
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

TlsPeer::TlsPeer(const protocol::KeyAndCertificate& leaf,
                 const TlsPeerOptions& options)
    : context_(MakeContext(leaf, options)),
      reads_(options.reads),
      peer_([this](PeerConnection& connection) { Echo(connection); }) {}

TlsPeer::~TlsPeer() { SSL_CTX_free(context_); }

SSL_CTX* TlsPeer::MakeContext(const protocol::KeyAndCertificate& leaf,
                              const TlsPeerOptions& options) {
  SSL_CTX* context = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_max_proto_version(context, options.max_version);
  const auto key = protocol::ReadKey(leaf.key_pem);
  const auto certificate = protocol::ReadCertificate(leaf.certificate_pem);
  SHOAL_CHECK(key.ok() && certificate.ok());
  SHOAL_CHECK(SSL_CTX_use_certificate(context, certificate->get()) == 1);
  SHOAL_CHECK(SSL_CTX_use_PrivateKey(context, key->get()) == 1);
  if (options.http2) {
    SSL_CTX_set_alpn_select_cb(context, ChooseHttp2, nullptr);
  }
  if (options.client_ca != nullptr) {
    const auto ca = protocol::ReadCertificate(options.client_ca);
    SHOAL_CHECK(ca.ok());
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca->get());
    SSL_CTX_set_verify(
        context, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
    const unsigned char id[] = "test";
    SSL_CTX_set_session_id_context(context, id, sizeof id);
  }
  return context;
}

void TlsPeer::NoteClient(SSL* ssl) {
  if (SSL_session_reused(ssl)) ++resumed_;
  X509* certificate = SSL_get1_peer_certificate(ssl);
  if (certificate != nullptr) ++with_certificate_;
  X509_free(certificate);
}

// OpenSSL works on memory; the connection moves the bytes.
void TlsPeer::Echo(PeerConnection& connection) {
  SSL* ssl = SSL_new(context_);
  BIO* in = BIO_new(BIO_s_mem());
  BIO* out = BIO_new(BIO_s_mem());
  SSL_set_bio(ssl, in, out);
  size_t fed = 0;
  bool greeted = false;
  bool open = true;
  while (open) {
    char buffer[16384];
    if (!greeted) {
      const int result = SSL_accept(ssl);
      greeted = result == 1;
      open = greeted || SSL_get_error(ssl, result) == SSL_ERROR_WANT_READ;
      if (greeted) NoteClient(ssl);
    }
    int size = 0;
    while (greeted && (size = SSL_read(ssl, buffer, sizeof buffer)) > 0) {
      SSL_write(ssl, buffer, size);
    }
    while ((size = BIO_read(out, buffer, sizeof buffer)) > 0) {
      open = connection.Send(absl::string_view(buffer, size)) && open;
    }
    if (greeted && !reads_) {
      connection.StopReading();
      break;
    }
    open = open && connection.AwaitBytes(fed + 1);
    const absl::string_view more =
        absl::string_view(connection.received()).substr(fed);
    BIO_write(in, more.data(), static_cast<int>(more.size()));
    fed += more.size();
  }
  SSL_free(ssl);
  ERR_clear_error();
}

}  // namespace shoal::testing
