// shoal::Client over gRPC, from parts that the public SDK does not show.
#ifndef SHOAL_CLIENT_TRANSPORT_GRPC_CLIENT_H_
#define SHOAL_CLIENT_TRANSPORT_GRPC_CLIENT_H_

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "client/failpoints.h"
#include "client/include/shoal/client.h"
#include "learning/dataset.h"

namespace shoal::client {

struct GrpcClientParts {
  std::shared_ptr<const learning::Dataset> data;     // required
  std::function<void(const ClientEvent&)> on_event;  // may be empty
  Failpoints failpoints;
};

// As shoal::Client::Create.
absl::StatusOr<std::unique_ptr<Client>> MakeGrpcClient(
    const ClientOptions& options, GrpcClientParts parts);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRANSPORT_GRPC_CLIENT_H_
