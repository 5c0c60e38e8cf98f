#include "client/transport/lean/tls_stream.h"

#include <openssl/err.h>

#include <algorithm>
#include <atomic>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/transport/connection_errors.h"

namespace shoal::client::lean {
namespace {

int AsInt(size_t size) {
  return static_cast<int>(
      std::min<size_t>(size, std::numeric_limits<int>::max()));
}

// "" for an alert that does not concern the device's certificate.
absl::string_view CertificateAlert(int reason) {
  switch (reason) {
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      return "asks for a device's certificate";
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
      return "does not accept this device's certificate: its CA is another one";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
      return "says that this device's certificate has expired";
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
      return "says that this device's certificate was revoked";
    default:
      return "";
  }
}

}  // namespace

TlsStream::TlsStream(std::unique_ptr<SSL, SslFreer> ssl,
                     std::unique_ptr<Socket> socket, std::string peer)
    : ssl_(std::move(ssl)), socket_(std::move(socket)), peer_(std::move(peer)) {
  const BIO_METHOD* const method = SocketMethod();
  BIO* bio = method == nullptr ? nullptr : BIO_new(method);
  if (bio == nullptr) {
    usable_ = false;
    failed_ = true;
    return;
  }
  BIO_set_data(bio, this);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl_.get(), bio, bio);  // takes it over
}

TlsStream::~TlsStream() {
  if (!failed_ && SSL_is_init_finished(ssl_.get())) SSL_shutdown(ssl_.get());
  ERR_clear_error();
}

// OpenSSL's own sockets write without MSG_NOSIGNAL: a peer that closes its
// connection would kill the process.
const BIO_METHOD* TlsStream::SocketMethod() {
  static std::atomic<BIO_METHOD*> method = nullptr;
  BIO_METHOD* known = method;
  if (known != nullptr) return known;
  BIO_METHOD* made =
      BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket");
  if (made == nullptr) return nullptr;
  BIO_meth_set_read(made, ReadSocket);
  BIO_meth_set_write(made, WriteSocket);
  BIO_meth_set_ctrl(made, Control);
  if (method.compare_exchange_strong(known, made)) return made;
  BIO_meth_free(made);  // another thread was faster
  return known;
}

int TlsStream::ReadSocket(BIO* bio, char* out, int size) {
  TlsStream& self = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const absl::StatusOr<size_t> read =
      self.socket_->Read(absl::MakeSpan(out, static_cast<size_t>(size)));
  if (!read.ok()) {
    self.lost_ = read.status();
    return -1;
  }
  if (*read > 0) return AsInt(*read);
  BIO_set_retry_read(bio);
  return -1;
}

int TlsStream::WriteSocket(BIO* bio, const char* bytes, int size) {
  TlsStream& self = *static_cast<TlsStream*>(BIO_get_data(bio));
  BIO_clear_retry_flags(bio);
  const absl::StatusOr<size_t> written =
      self.socket_->Write(absl::string_view(bytes, static_cast<size_t>(size)));
  if (!written.ok()) {
    self.lost_ = written.status();
    return -1;
  }
  if (*written > 0) return AsInt(*written);
  BIO_set_retry_write(bio);
  return -1;
}

long TlsStream::Control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

absl::StatusOr<bool> TlsStream::Handshake() {
  ERR_clear_error();
  const int result = SSL_connect(ssl_.get());
  if (result != 1) {
    SHOAL_RETURN_IF_ERROR(RepeatLater(result, write_wants_write_));
    return false;
  }
  write_wants_write_ = false;
  const unsigned char* protocol = nullptr;
  unsigned int size = 0;
  SSL_get0_alpn_selected(ssl_.get(), &protocol, &size);
  if (absl::string_view(reinterpret_cast<const char*>(protocol), size) ==
      "h2") {
    return true;
  }
  return Unreachable(peer_, "it does not speak HTTP/2");
}

absl::StatusOr<size_t> TlsStream::Read(absl::Span<char> out) {
  ERR_clear_error();
  const int size = SSL_read(ssl_.get(), out.data(), AsInt(out.size()));
  read_wants_write_ = false;
  if (size > 0) return static_cast<size_t>(size);
  SHOAL_RETURN_IF_ERROR(RepeatLater(size, read_wants_write_));
  return 0;
}

absl::StatusOr<size_t> TlsStream::Write(absl::string_view bytes) {
  ERR_clear_error();
  const int size = SSL_write(ssl_.get(), bytes.data(), AsInt(bytes.size()));
  if (size > 0) {
    write_wants_write_ = static_cast<size_t>(size) < bytes.size();
    return static_cast<size_t>(size);
  }
  SHOAL_RETURN_IF_ERROR(RepeatLater(size, write_wants_write_));
  return 0;
}

absl::Status TlsStream::RepeatLater(int result, bool& wants_write) {
  const int error = SSL_get_error(ssl_.get(), result);
  wants_write = error == SSL_ERROR_WANT_WRITE;
  if (wants_write || error == SSL_ERROR_WANT_READ) return absl::OkStatus();
  if (error == SSL_ERROR_ZERO_RETURN) {
    return Unreachable(peer_, "it has closed the connection");
  }
  return Failure();
}

absl::Status TlsStream::Failure() {
  failed_ = true;
  if (!lost_.ok()) return Unreachable(peer_, lost_.message());
  const unsigned long error = ERR_get_error();
  ERR_clear_error();
  switch (SSL_get_verify_result(ssl_.get())) {
    case X509_V_OK:
      break;
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return WrongName(peer_);
    default:
      return NotTrusted(peer_);
  }
  const int reason = ERR_GET_REASON(error);
  if (reason == SSL_R_WRONG_VERSION_NUMBER) return NoTls(peer_);
  const absl::string_view alert = CertificateAlert(reason);
  if (!alert.empty()) {
    return absl::UnavailableError(
        absl::StrCat("coordinator ", peer_, " ", alert));
  }
  const char* text = ERR_reason_error_string(error);
  return Unreachable(
      peer_, absl::StrCat("TLS failed: ",
                          text != nullptr ? std::string(text)
                                          : absl::StrCat("error ", reason)));
}

}  // namespace shoal::client::lean
