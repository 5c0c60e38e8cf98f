#include "client/transport/lean/socket.h"

#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"

namespace shoal::client::lean {
namespace {

// What the kernel takes of bytes that it cannot send yet: more would only hide
// from us that nothing moves.
constexpr int kUnsentBytes = 64 * 1024;

bool IsForLater(int error) {
  return error == EAGAIN || error == EWOULDBLOCK || error == EINTR;
}

// For options that are improvements, not conditions.
void TrySetTcpOption(int fd, int option, int value) {
  setsockopt(fd, IPPROTO_TCP, option, &value, sizeof value);
}

}  // namespace

std::string SocketAddress::ToString() const {
  char host[NI_MAXHOST];
  char port[NI_MAXSERV];
  if (getnameinfo(reinterpret_cast<const sockaddr*>(&storage), size, host,
                  sizeof host, port, sizeof port,
                  NI_NUMERICHOST | NI_NUMERICSERV) != 0) {
    return "an address of an unknown kind";
  }
  if (absl::StrContains(host, ':')) return absl::StrCat("[", host, "]:", port);
  return absl::StrCat(host, ":", port);
}

Socket::~Socket() {
  if (fd_ >= 0) close(fd_);
}

absl::Status Socket::Lost(int error, absl::string_view what) const {
  return absl::UnavailableError(ErrnoStatus(error, peer_, what).message());
}

absl::StatusOr<std::unique_ptr<Socket>> Socket::Connect(
    const SocketAddress& address) {
  const int fd = socket(address.storage.ss_family,
                        SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  std::unique_ptr<Socket> made(new Socket(fd, address.ToString()));
  if (fd < 0) return made->Lost(errno, "cannot open a socket");
  TrySetTcpOption(fd, TCP_NODELAY, 1);
  TrySetTcpOption(fd, TCP_NOTSENT_LOWAT, kUnsentBytes);
  if (connect(fd, reinterpret_cast<const sockaddr*>(&address.storage),
              address.size) != 0 &&
      errno != EINPROGRESS) {
    return made->Lost(errno, "cannot connect");
  }
  return made;
}

absl::StatusOr<bool> Socket::Handshake() {
  if (connected_) return true;
  pollfd ready = {fd_, POLLOUT, 0};
  if (poll(&ready, 1, 0) <= 0) return false;
  int error = 0;
  socklen_t size = sizeof error;
  if (getsockopt(fd_, SOL_SOCKET, SO_ERROR, &error, &size) != 0) error = errno;
  if (error != 0) return Lost(error, "cannot connect");
  connected_ = true;
  wants_write_ = false;
  return true;
}

absl::StatusOr<size_t> Socket::Read(absl::Span<char> out) {
  const ssize_t size = recv(fd_, out.data(), out.size(), 0);
  if (size > 0) return static_cast<size_t>(size);
  if (size < 0 && IsForLater(errno)) return 0;
  if (size < 0) return Lost(errno, "cannot read");
  return absl::UnavailableError(
      absl::StrCat(peer_, ": the peer has closed the connection"));
}

absl::StatusOr<size_t> Socket::Write(absl::string_view bytes) {
  // A write to a closed connection must not kill the process by a signal.
  const ssize_t size = send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
  if (size < 0 && !IsForLater(errno)) return Lost(errno, "cannot write");
  const size_t written = size < 0 ? 0 : static_cast<size_t>(size);
  wants_write_ = written < bytes.size();
  return written;
}

}  // namespace shoal::client::lean
