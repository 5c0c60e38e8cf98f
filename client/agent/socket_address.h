// The address of a Unix domain socket.
#ifndef SHOAL_CLIENT_AGENT_SOCKET_ADDRESS_H_
#define SHOAL_CLIENT_AGENT_SOCKET_ADDRESS_H_

#include <sys/un.h>

#include <string>

#include "absl/status/statusor.h"

namespace shoal::client {

// INVALID_ARGUMENT for a path that is empty or too long for an address.
absl::StatusOr<sockaddr_un> SocketAddress(const std::string& path);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_AGENT_SOCKET_ADDRESS_H_
