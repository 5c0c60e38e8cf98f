// The bytes inside one TLS connection.
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_TLS_STREAM_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_TLS_STREAM_H_

#include <memory>
#include <string>

#include "client/transport/lean/socket.h"
#include "client/transport/lean/tls.h"

namespace shoal::client::lean {

// One thread. Its errors are sentences for people (connection_errors.h).
class TlsStream final : public ByteStream {
 public:
  // `ssl`: a client's, with everything set that it shall check. `peer`:
  // HOST:PORT, for errors.
  TlsStream(std::unique_ptr<SSL, SslFreer> ssl, std::unique_ptr<Socket> socket,
            std::string peer);
  // Says goodbye, without waiting for an answer: a ticket is good for another
  // connection only when its own has ended in order.
  ~TlsStream() override;

  absl::StatusOr<bool> Handshake() override;
  absl::StatusOr<size_t> Read(absl::Span<char> out) override;
  absl::StatusOr<size_t> Write(absl::string_view bytes) override;
  int fd() const override { return socket_->fd(); }
  bool wants_write() const override { return wants_write_; }

 private:
  // OpenSSL's callbacks: it reads and writes through these.
  static const BIO_METHOD* SocketMethod();
  static int ReadSocket(BIO* bio, char* out, int size);
  static int WriteSocket(BIO* bio, const char* bytes, int size);
  static long Control(BIO* bio, int command, long number, void* pointer);

  // Of a call of OpenSSL that has returned `result`: whether it is to be
  // repeated later, or the error.
  absl::StatusOr<bool> IsForLater(int result);
  absl::Status Failure();

  std::unique_ptr<SSL, SslFreer> ssl_;
  std::unique_ptr<Socket> socket_;
  const std::string peer_;
  bool wants_write_ = false;
  bool failed_ = false;
  absl::Status lost_;  // why the socket failed, OpenSSL's callbacks cannot say
};

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_TLS_STREAM_H_
