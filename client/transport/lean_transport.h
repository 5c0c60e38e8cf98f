// A Transport over the lean pieces (client/transport/lean): gRPC's wire format
// on nghttp2 and OpenSSL, without gRPC, protobuf or a thread.
#ifndef SHOAL_CLIENT_TRANSPORT_LEAN_TRANSPORT_H_
#define SHOAL_CLIENT_TRANSPORT_LEAN_TRANSPORT_H_

#include <memory>

#include "absl/status/statusor.h"
#include "client/transport.h"
#include "client/transport/transport_options.h"

namespace shoal::client {

// Connects with the first call. INVALID_ARGUMENT when the coordinator's
// address, the keys or the certificates cannot be used.
//
// Bytes count as movement, four KiB at least: a slow link may take longer than
// the window for a chunk. A step that receives goes on to the end of the 16 KiB
// that it has read, even if these hold more than one message.
absl::StatusOr<std::unique_ptr<Transport>> MakeLeanTransport(
    TransportOptions options);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_LEAN_TRANSPORT_H_
