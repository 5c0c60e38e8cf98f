// Whether an HTTP request is of somebody on this machine.
#ifndef SHOAL_COORDINATOR_OPERATIONS_LOCAL_CALL_H_
#define SHOAL_COORDINATOR_OPERATIONS_LOCAL_CALL_H_

#include "absl/strings/string_view.h"

namespace shoal::coordinator {

// `peer`: the caller's IP address, which must be of the loopback. `host`: the
// request's Host header, which must name this machine, with a port or without
// ("localhost:7601", "127.0.0.1", "[::1]:7601"): a browser here may be showing
// a page of somebody whose name leads to this machine's loopback.
bool IsLocalCall(absl::string_view peer, absl::string_view host);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_OPERATIONS_LOCAL_CALL_H_
