// Addresses that a server listens on; port 0 stands for any free one.
#ifndef SHOAL_COORDINATOR_OPERATIONS_LISTEN_ADDRESS_H_
#define SHOAL_COORDINATOR_OPERATIONS_LISTEN_ADDRESS_H_

#include "absl/status/status.h"
#include "base/host_port.h"

namespace shoal::coordinator {

// Binds the address and lets it go again, for an error that says what is wrong:
// ALREADY_EXISTS "127.0.0.1:7600 is in use by another program",
// PERMISSION_DENIED, INVALID_ARGUMENT for a host that is not of this machine.
absl::Status CheckCanListen(const HostPort& address);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_OPERATIONS_LISTEN_ADDRESS_H_
