// The device SDK over grpc++, for products that link it anyway: the same
// clients, sessions, folders and errors as those of shoal/client.h, and the
// same bytes on the wire. Link Shoal::client_grpc; everybody else is better off
// with Shoal::client_sdk, which needs a fraction of the memory and no thread.
#ifndef SHOAL_GRPC_CLIENT_H_
#define SHOAL_GRPC_CLIENT_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "shoal/client.h"

namespace shoal {

// As Client::Create, but it goes through no proxy: INVALID_ARGUMENT where the
// options or the environment ask for one.
absl::StatusOr<std::unique_ptr<Client>> CreateGrpcClient(
    const ClientOptions& options, const ClientDependencies& dependencies);

// As Enroll; for proxies see CreateGrpcClient.
absl::StatusOr<std::string> EnrollOverGrpc(const EnrollOptions& options);

// As Forget; for proxies see CreateGrpcClient.
absl::Status ForgetOverGrpc(const ForgetOptions& options);

}  // namespace shoal

#endif  // SHOAL_GRPC_CLIENT_H_
