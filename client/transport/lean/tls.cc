#include "client/transport/lean/tls.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <utility>

#include "base/check.h"
#include "base/status_macros.h"
#include "client/transport/lean/tls_stream.h"
#include "protocol/openssl_handles.h"
#include "protocol/pem.h"

namespace shoal::client::lean {
namespace {

using protocol::CertificateHandle;

constexpr unsigned char kHttp2[] = {2, 'h', '2'};

absl::Status Unusable(absl::string_view what) {
  return absl::InvalidArgumentError(protocol::OpensslError(what).message());
}

// Trusts every certificate of `pem`.
absl::Status Trust(SSL_CTX* context, const std::string& pem) {
  const protocol::BioHandle bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  if (bio == nullptr) return Unusable("the CA's certificate cannot be read");
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  int num_trusted = 0;
  while (true) {
    const CertificateHandle certificate(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
    if (certificate == nullptr) break;
    if (X509_STORE_add_cert(store, certificate.get()) != 1) {
      return Unusable("the CA's certificate cannot be used");
    }
    ++num_trusted;
  }
  if (num_trusted == 0) return Unusable("no certificate of a CA was given");
  ERR_clear_error();  // that of the end of `pem`
  return absl::OkStatus();
}

// Shows the device's certificate to whoever asks for it.
absl::Status Identify(SSL_CTX* context, const ChannelTls& tls) {
  if (tls.key_pem.empty()) return absl::OkStatus();
  SHOAL_ASSIGN_OR_RETURN(const auto key, protocol::ReadKey(tls.key_pem));
  SHOAL_ASSIGN_OR_RETURN(const auto certificate,
                         protocol::ReadCertificate(tls.certificate_pem));
  if (SSL_CTX_use_certificate(context, certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(context, key.get()) != 1) {
    return Unusable("the device's certificate cannot be used");
  }
  return absl::OkStatus();
}

// Lets the handshake fail with whoever is not `peer`.
bool Expect(SSL* ssl, const HostPort& peer) {
  const char* const host = peer.host.c_str();
  if (peer.is_numeric()) {
    return X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), host) == 1;
  }
  return SSL_set1_host(ssl, host) == 1 &&
         SSL_set_tlsext_host_name(ssl, host) == 1;
}

absl::Status NoMemory() {
  return absl::ResourceExhaustedError(
      protocol::OpensslError("there is no memory for a TLS connection")
          .message());
}

}  // namespace

absl::StatusOr<std::unique_ptr<TlsContext>> TlsContext::Create(
    const ChannelTls& tls) {
  std::unique_ptr<TlsContext> made(new TlsContext);
  made->context_.reset(SSL_CTX_new(TLS_client_method()));
  SSL_CTX* context = made->context_.get();
  if (context == nullptr) return Unusable("TLS cannot be used");
  if (SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) != 1 ||
      SSL_CTX_set_alpn_protos(context, kHttp2, sizeof kHttp2) != 0) {
    return Unusable("TLS 1.3 cannot be used");
  }
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE |
                                SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                                SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_session_cache_mode(
      context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
  SSL_CTX_set_app_data(context, made.get());
  SSL_CTX_sess_set_new_cb(context, KeepSession);
  SHOAL_RETURN_IF_ERROR(Trust(context, tls.ca_pem));
  SHOAL_RETURN_IF_ERROR(Identify(context, tls));
  return made;
}

int TlsContext::KeepSession(SSL* ssl, SSL_SESSION* session) {
  static_cast<TlsContext*>(SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl)))
      ->session_.reset(session);
  return 1;
}

absl::StatusOr<std::unique_ptr<ByteStream>> TlsContext::Wrap(
    std::unique_ptr<Socket> socket, const HostPort& peer) {
  std::unique_ptr<SSL, SslFreer> owned(SSL_new(context_.get()));
  SSL* const ssl = owned.get();
  if (ssl == nullptr || !Expect(ssl, peer)) return NoMemory();
  // A ticket is shown once: the handshake brings new ones.
  if (session_ != nullptr && SSL_SESSION_is_resumable(session_.get())) {
    SSL_set_session(ssl, session_.get());
  }
  session_.reset();
  auto stream = std::make_unique<TlsStream>(std::move(owned), std::move(socket),
                                            peer.ToString());
  if (!stream->usable()) return NoMemory();
  return stream;
}

}  // namespace shoal::client::lean
