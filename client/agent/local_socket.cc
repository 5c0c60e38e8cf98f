#include "client/agent/local_socket.h"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "client/agent/socket_address.h"

namespace shoal::client {
namespace {

constexpr size_t kMostRead = 16 << 10;
constexpr size_t kMostWaiting = 64 << 10;  // of answers
// Before others get their turn.
constexpr size_t kMostLines = 256;
constexpr int kListenBacklog = 16;

// Makes room at `path` for a socket.
absl::Status RemoveStale(const std::string& path, const sockaddr_un& address) {
  struct stat status;
  if (lstat(path.c_str(), &status) != 0) {
    return errno == ENOENT ? absl::OkStatus()
                           : ErrnoStatus(errno, path, "look up");
  }
  if (!S_ISSOCK(status.st_mode)) {
    return absl::InvalidArgumentError(
        absl::StrCat(path, ": is there and no socket"));
  }
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return ErrnoStatus(errno, path, "socket");
  const int connected =
      connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int error = connected == 0 ? 0 : errno;
  close(fd);
  if (error != ECONNREFUSED) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": another process listens there"));
  }
  return unlink(path.c_str()) == 0 ? absl::OkStatus()
                                   : ErrnoStatus(errno, path, "remove");
}

absl::Status Listen(int fd, const std::string& path, uint32_t mode,
                    const sockaddr_un& address) {
  if (bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) !=
      0) {
    return ErrnoStatus(errno, path, "bind");
  }
  // Nobody can connect before it listens.
  if (chmod(path.c_str(), mode) != 0) return ErrnoStatus(errno, path, "chmod");
  if (listen(fd, kListenBacklog) != 0) {
    return ErrnoStatus(errno, path, "listen");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::unique_ptr<LocalSocket>> LocalSocket::Open(
    const std::string& path, uint32_t mode, LineAnswerer& answerer) {
  SHOAL_ASSIGN_OR_RETURN(const sockaddr_un address, SocketAddress(path));
  SHOAL_RETURN_IF_ERROR(RemoveStale(path, address));
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return ErrnoStatus(errno, path, "socket");
  const absl::Status listening = Listen(fd, path, mode, address);
  if (!listening.ok()) {
    close(fd);
    return listening;
  }
  return std::unique_ptr<LocalSocket>(new LocalSocket(path, fd, answerer));
}

LocalSocket::~LocalSocket() {
  for (const Client& client : clients_) close(client.fd);
  close(fd_);
  unlink(path_.c_str());
}

bool LocalSocket::WantsInput(const Client& client, size_t longest_line) {
  return !client.ended && client.out.size() < kMostWaiting &&
         client.in.size() <= longest_line;
}

void LocalSocket::AppendTo(std::vector<pollfd>& polled) const {
  polled.push_back({fd_, POLLIN, 0});
  for (const Client& client : clients_) {
    short events = 0;
    if (WantsInput(client, answerer_.longest_line())) events |= POLLIN;
    if (!client.out.empty()) events |= POLLOUT;
    polled.push_back({client.fd, events, 0});
  }
}

bool LocalSocket::has_backlog() const {
  return std::any_of(clients_.begin(), clients_.end(),
                     [](const Client& client) { return client.backlog; });
}

void LocalSocket::Serve(absl::Span<const pollfd> polled) {
  SHOAL_CHECK(polled.size() == clients_.size() + 1);
  for (size_t i = 0; i < clients_.size(); ++i) {
    Client& client = clients_[i];
    const short events = polled[i + 1].revents;
    if ((events == 0 && !client.backlog) || Serve(client, events)) continue;
    close(client.fd);
    client.fd = -1;
  }
  clients_.erase(
      std::remove_if(clients_.begin(), clients_.end(),
                     [](const Client& client) { return client.fd < 0; }),
      clients_.end());
  if (polled[0].revents != 0) Accept();
}

bool LocalSocket::Serve(Client& client, short events) {
  if ((events & POLLIN) != 0 && !Receive(client)) return false;
  AnswerLines(client);
  if (!client.out.empty() && !Send(client)) return false;
  client.backlog = client.out.size() < kMostWaiting && HasLine(client);
  if (client.ended) return !client.out.empty() || client.backlog;
  // Gone, with nothing left to read from it.
  return (events & (POLLERR | POLLHUP)) == 0 || (events & POLLIN) != 0;
}

bool LocalSocket::Receive(Client& client) {
  char buffer[kMostRead];
  const ssize_t size = recv(client.fd, buffer, sizeof buffer, 0);
  if (size < 0) return errno == EINTR || errno == EAGAIN;
  client.ended = size == 0;
  client.in.append(buffer, size);
  client.last_heard = ++heard_;
  return true;
}

bool LocalSocket::HasLine(const Client& client) {
  return client.in.find('\n') != std::string::npos;
}

void LocalSocket::CutLongLines(Client& client) const {
  const size_t longest = answerer_.longest_line();
  while (true) {
    if (client.skipping) {
      const size_t end = client.in.find('\n');
      client.skipping = end == std::string::npos;
      client.in.erase(0, client.skipping ? client.in.size() : end + 1);
    }
    if (std::min(client.in.find('\n'), client.in.size()) <= longest) return;
    absl::StrAppend(&client.out, "error the line is longer than ", longest,
                    " bytes\n");
    client.skipping = true;
  }
}

void LocalSocket::AnswerLines(Client& client) {
  size_t answered = 0;
  while (client.out.size() < kMostWaiting) {
    CutLongLines(client);
    std::vector<absl::string_view> lines;
    size_t used = 0;  // bytes of `in`
    const absl::string_view in = client.in;
    while (answered + lines.size() < kMostLines) {
      const size_t end = in.find('\n', used);
      // A long one that is behind others waits until it is the first.
      if (end == in.npos || end - used > answerer_.longest_line()) break;
      lines.push_back(in.substr(used, end - used));
      used = end + 1;
    }
    if (lines.empty()) break;
    const size_t taken = answerer_.Answer(lines, client.out);
    SHOAL_CHECK(taken > 0 && taken <= lines.size());
    answered += taken;
    if (taken < lines.size()) used = lines[taken].data() - in.data();
    client.in.erase(0, used);
  }
  if (!client.ended || client.in.empty() || HasLine(client)) return;
  absl::StrAppend(&client.out, "error the last line does not end\n");
  client.in.clear();
}

bool LocalSocket::Send(Client& client) {
  const ssize_t size = send(client.fd, client.out.data(), client.out.size(),
                            MSG_NOSIGNAL | MSG_DONTWAIT);
  if (size < 0) return errno == EINTR || errno == EAGAIN;
  client.out.erase(0, size);
  return true;
}

void LocalSocket::Accept() {
  const int fd = accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
  // Without a descriptor for the new one, an old one has to give up its own.
  const bool is_short = fd < 0 && (errno == EMFILE || errno == ENFILE);
  const bool is_full = fd >= 0 && clients_.size() == kMostClients;
  if (is_full || (is_short && !clients_.empty())) {
    const auto silent = std::min_element(clients_.begin(), clients_.end(),
                                         [](const Client& a, const Client& b) {
                                           return a.last_heard < b.last_heard;
                                         });
    close(silent->fd);
    clients_.erase(silent);
  }
  if (fd < 0) return;
  Client client;
  client.fd = fd;
  client.last_heard = ++heard_;
  clients_.push_back(std::move(client));
}

}  // namespace shoal::client
