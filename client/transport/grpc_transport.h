// A Transport over gRPC (grpc++).
#ifndef SHOAL_CLIENT_TRANSPORT_GRPC_TRANSPORT_H_
#define SHOAL_CLIENT_TRANSPORT_GRPC_TRANSPORT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/transport.h"
#include "client/transport/transport_options.h"

namespace shoal::client {

// Connects with the first call. INVALID_ARGUMENT when the coordinator's address
// cannot be used, or a proxy is asked for. gRPC shows progress message by
// message: a download needs one chunk (256 KiB) within the window; uploads use
// smaller chunks when the link is slow.
absl::StatusOr<std::unique_ptr<Transport>> MakeGrpcTransport(
    TransportOptions options);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_GRPC_TRANSPORT_H_
