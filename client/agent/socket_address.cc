#include "client/agent/socket_address.h"

#include <sys/socket.h>

#include <cstring>

#include "absl/strings/str_cat.h"

namespace shoal::client {

absl::StatusOr<sockaddr_un> SocketAddress(const std::string& path) {
  sockaddr_un address = {};
  constexpr size_t kMost = sizeof address.sun_path - 1;
  if (path.empty() || path.size() > kMost) {
    return absl::InvalidArgumentError(
        absl::StrCat("'", path, "' has ", path.size(),
                     " bytes, but a socket's path has 1 to ", kMost));
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  return address;
}

}  // namespace shoal::client
