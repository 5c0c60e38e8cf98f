// A Transport over gRPC (grpc++).
#ifndef SHOAL_CLIENT_TRANSPORT_GRPC_TRANSPORT_H_
#define SHOAL_CLIENT_TRANSPORT_GRPC_TRANSPORT_H_

#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "client/failpoints.h"
#include "client/transport.h"
#include "client/transport/grpc_channel.h"

namespace shoal::client {

// In plaintext a device names itself in this metadata.
inline constexpr char kInsecureDeviceMetadata[] = "shoal-insecure-device";

struct GrpcTransportOptions {
  std::string coordinator;        // HOST:PORT
  std::optional<ChannelTls> tls;  // absent: plaintext
  std::string insecure_device;    // the device's name in plaintext
  // Longest time without a byte; the plan of an assignment may shorten it. A
  // receipt may take a minute in any case: nothing moves while the coordinator
  // makes an update durable.
  absl::Duration idle_window = absl::Seconds(30);
  Failpoints failpoints;
};

// Connects with the first call. gRPC shows progress message by message: a
// download needs one chunk (256 KiB) within the window; uploads use smaller
// chunks when the link is slow.
std::unique_ptr<Transport> MakeGrpcTransport(GrpcTransportOptions options);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_GRPC_TRANSPORT_H_
