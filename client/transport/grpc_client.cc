#include "client/include/shoal/grpc_client.h"

#include "client/transport/device_client.h"
#include "client/transport/grpc_transport.h"

namespace shoal {

absl::StatusOr<std::unique_ptr<Client>> CreateGrpcClient(
    const ClientOptions& options, const ClientDependencies& dependencies) {
  return client::MakeDeviceClient(options, dependencies,
                                  client::MakeGrpcTransport);
}

absl::StatusOr<std::string> EnrollOverGrpc(const EnrollOptions& options) {
  return client::EnrollDevice(options, client::MakeGrpcTransport);
}

absl::Status ForgetOverGrpc(const ForgetOptions& options) {
  return client::ForgetDevice(options, {}, client::MakeGrpcTransport);
}

}  // namespace shoal
