#include "client/agent/ask_agent.h"

#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "client/agent/socket_address.h"

namespace shoal::client {
namespace {

// Closes itself.
class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}
  ~Connection() {
    if (fd_ >= 0) close(fd_);
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

absl::Status Failed(const std::string& path) {
  return absl::FailedPreconditionError(
      absl::StrCat(path, ": no agent answers there: ",
                   errno == EAGAIN ? "out of patience" : std::strerror(errno)));
}

absl::Status SendAll(int fd, absl::string_view bytes, const std::string& path) {
  while (!bytes.empty()) {
    const ssize_t size = send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Failed(path);
    bytes.remove_prefix(size);
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> ReceiveLine(int fd, const std::string& path) {
  std::string line;
  while (line.empty() || line.back() != '\n') {
    char buffer[4096];
    const ssize_t size = recv(fd, buffer, sizeof buffer, 0);
    if (size < 0 && errno == EINTR) continue;
    if (size < 0) return Failed(path);
    if (size == 0) {
      return absl::FailedPreconditionError(
          absl::StrCat(path, ": the agent has ended the conversation"));
    }
    line.append(buffer, size);
  }
  line.pop_back();
  return line;
}

}  // namespace

absl::StatusOr<std::string> AskAgent(const std::string& path,
                                     absl::string_view line,
                                     absl::Duration patience) {
  if (absl::StrContains(line, '\n')) {
    return absl::InvalidArgumentError(
        "the request has a line break, expected one line");
  }
  SHOAL_ASSIGN_OR_RETURN(const sockaddr_un address, SocketAddress(path));
  const Connection connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (connection.fd() < 0) return ErrnoStatus(errno, path, "socket");
  const timeval timeout = absl::ToTimeval(patience);
  for (const int option : {SO_SNDTIMEO, SO_RCVTIMEO}) {
    setsockopt(connection.fd(), SOL_SOCKET, option, &timeout, sizeof timeout);
  }
  if (connect(connection.fd(), reinterpret_cast<const sockaddr*>(&address),
              sizeof address) != 0) {
    return Failed(path);
  }
  SHOAL_RETURN_IF_ERROR(
      SendAll(connection.fd(), absl::StrCat(line, "\n"), path));
  SHOAL_ASSIGN_OR_RETURN(const std::string answer,
                         ReceiveLine(connection.fd(), path));
  absl::string_view rest = answer;
  if (absl::ConsumePrefix(&rest, "error ")) {
    return absl::FailedPreconditionError(rest);
  }
  if (!absl::ConsumePrefix(&rest, "ok")) {
    return absl::FailedPreconditionError(
        absl::StrCat(path, ": no agent's answer: ", answer.substr(0, 80)));
  }
  absl::ConsumePrefix(&rest, " ");
  return std::string(rest);
}

}  // namespace shoal::client
