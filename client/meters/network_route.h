// Which interface leads out of the machine: /proc/net/route and ipv6_route.
#ifndef SHOAL_CLIENT_METERS_NETWORK_ROUTE_H_
#define SHOAL_CLIENT_METERS_NETWORK_ROUTE_H_

#include <string>

#include "absl/status/statusor.h"

namespace shoal::client {

// The interface of the default route with the smallest metric, of IPv4 before
// IPv6; "" when there is none. UNAVAILABLE when neither file can be read.
absl::StatusOr<std::string> DefaultInterface(const std::string& proc_root);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_METERS_NETWORK_ROUTE_H_
