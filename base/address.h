// Addresses of servers as people write them: "fleet.example.org:7600".
#ifndef SHOAL_BASE_ADDRESS_H_
#define SHOAL_BASE_ADDRESS_H_

#include "absl/strings/string_view.h"

namespace shoal {

// Whether `text` is HOST:PORT with a port from `least_port` to 65535. An IPv6
// host stands in brackets, "[::1]:7600": its own colons are not the port's.
bool IsAddress(absl::string_view text, int least_port);

}  // namespace shoal

#endif  // SHOAL_BASE_ADDRESS_H_
