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
  // Whether OpenSSL had memory for it; otherwise nothing may be called.
  bool usable() const { return usable_; }

  absl::StatusOr<size_t> Read(absl::Span<char> out) override;
  absl::StatusOr<size_t> Write(absl::string_view bytes) override;
  int fd() const override { return socket_->fd(); }
  bool wants_write() const override {
    return read_wants_write_ || write_wants_write_;
  }

 private:
  // OpenSSL's callbacks: it reads and writes through these. Null without
  // memory.
  static const BIO_METHOD* SocketMethod();
  static int ReadSocket(BIO* bio, char* out, int size);
  static int WriteSocket(BIO* bio, const char* bytes, int size);
  static long Control(BIO* bio, int command, long number, void* pointer);

  // Of a call of OpenSSL that has returned `result`: OK when it is to be
  // repeated later, once there is something to read or, as `wants_write` says,
  // room to write; otherwise the error.
  absl::Status RepeatLater(int result, bool& wants_write);
  absl::Status Failure();

  std::unique_ptr<SSL, SslFreer> ssl_;
  std::unique_ptr<Socket> socket_;
  const std::string peer_;
  // One for each direction: a read that has nothing to read says nothing about
  // a write that waits for room.
  bool read_wants_write_ = false;
  bool write_wants_write_ = false;
  bool usable_ = true;
  bool failed_ = false;
  absl::Status lost_;  // why the socket failed, OpenSSL's callbacks cannot say
};

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_TLS_STREAM_H_
