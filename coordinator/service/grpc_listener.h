// The gRPC port: credentials, limits, health and reflection.
#ifndef SHOAL_COORDINATOR_SERVICE_GRPC_LISTENER_H_
#define SHOAL_COORDINATOR_SERVICE_GRPC_LISTENER_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "coordinator/service/tls_material.h"

namespace shoal::coordinator {

struct GrpcListener {
  std::unique_ptr<grpc::Server> server;
  std::string address;  // HOST:PORT with the port that it got
  int port = 0;
};

// Listens and serves. `tls` null: plaintext. Errors of ParseHostPort and
// CheckCanListen.
absl::StatusOr<GrpcListener> ListenGrpc(
    const std::string& listen, const TlsMaterial* tls,
    const std::vector<grpc::Service*>& services);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_GRPC_LISTENER_H_
