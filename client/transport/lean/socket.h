// TCP sockets that never block.
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_SOCKET_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_SOCKET_H_

#include <sys/socket.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/status/statusor.h"
#include "client/transport/lean/byte_stream.h"

namespace shoal::client::lean {

struct SocketAddress {
  sockaddr_storage storage = {};
  socklen_t size = 0;

  std::string ToString() const;  // "127.0.0.1:7600", "[::1]:7600"
};

// A stream in plaintext; its handshake is that of TCP.
class Socket final : public ByteStream {
 public:
  ~Socket() override;
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  // Begins to connect. UNAVAILABLE when that fails at once.
  static absl::StatusOr<std::unique_ptr<Socket>> Connect(
      const SocketAddress& address);

  absl::StatusOr<bool> Handshake() override;
  absl::StatusOr<size_t> Read(absl::Span<char> out) override;
  absl::StatusOr<size_t> Write(absl::string_view bytes) override;
  int fd() const override { return fd_; }
  bool wants_write() const override { return wants_write_; }

 private:
  Socket(int fd, std::string peer) : fd_(fd), peer_(std::move(peer)) {}
  absl::Status Lost(int error, absl::string_view what) const;

  const int fd_;
  const std::string peer_;  // for errors
  bool connected_ = false;
  bool wants_write_ = true;  // a socket that has connected becomes writable
};

}  // namespace shoal::client::lean

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_SOCKET_H_
