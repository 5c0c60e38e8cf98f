// absl::Status as gRPC carries it.
#ifndef SHOAL_COORDINATOR_SERVICE_GRPC_STATUS_H_
#define SHOAL_COORDINATOR_SERVICE_GRPC_STATUS_H_

#include <grpcpp/support/status.h>

#include "absl/status/status.h"

namespace shoal::coordinator {

// With the refusal, if there is one, in the error details.
grpc::Status ToGrpc(const absl::Status& status);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_GRPC_STATUS_H_
