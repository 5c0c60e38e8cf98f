// Network addresses as people write them: "HOST:PORT", "[2001:db8::1]:7600".
#ifndef SHOAL_BASE_HOST_PORT_H_
#define SHOAL_BASE_HOST_PORT_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal {

struct HostPort {
  std::string host;  // a name or an address, without brackets
  int port = 0;      // [0, 65535]

  // Whether the host is an IPv4 or IPv6 address, not a name.
  bool is_numeric() const;
  std::string ToString() const;
};

// INVALID_ARGUMENT "'TEXT' is no address, …" for anything else.
absl::StatusOr<HostPort> ParseHostPort(absl::string_view text);

// An address to connect to: as above, with a port of at least 1.
absl::StatusOr<HostPort> ParseServerAddress(absl::string_view text);

}  // namespace shoal

#endif  // SHOAL_BASE_HOST_PORT_H_
