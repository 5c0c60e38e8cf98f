// Addresses that a server listens on: "127.0.0.1:7600", "[::1]:0".
#ifndef SHOAL_COORDINATOR_OPERATIONS_LISTEN_ADDRESS_H_
#define SHOAL_COORDINATOR_OPERATIONS_LISTEN_ADDRESS_H_

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal::coordinator {

struct ListenAddress {
  std::string host;
  int port = 0;                  // 0: any free one
  std::string ToString() const;  // brackets around an IPv6 host
};

// INVALID_ARGUMENT unless `text` is HOST:PORT.
absl::StatusOr<ListenAddress> ParseListenAddress(absl::string_view text);

// Binds the address and lets it go again, for an error that says what is wrong:
// ALREADY_EXISTS "127.0.0.1:7600 is in use by another program",
// PERMISSION_DENIED, INVALID_ARGUMENT for a host that is not of this machine.
absl::Status CheckCanListen(const ListenAddress& address);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_OPERATIONS_LISTEN_ADDRESS_H_
