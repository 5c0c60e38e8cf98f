#include "coordinator/service/grpc_status.h"

#include <string>

#include "protocol/wire.h"

namespace shoal::coordinator {

grpc::Status ToGrpc(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  // The numbers are the same by design of absl::StatusCode.
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                      std::string(status.message()),
                      protocol::ErrorDetails(status));
}

}  // namespace shoal::coordinator
