// One Upload call: feeds an UploadStream and waits, without a thread, for the
// receipt.
#ifndef SHOAL_COORDINATOR_SERVICE_UPLOAD_REACTOR_H_
#define SHOAL_COORDINATOR_SERVICE_UPLOAD_REACTOR_H_

#include <grpcpp/grpcpp.h>

#include "coordinator/service/fleet_service.h"
#include "shoal/v1/fleet.pb.h"

namespace shoal::coordinator {

// The reactor owns itself.
grpc::ServerReadReactor<v1::UploadRequest>* StartUpload(
    const FleetDependencies& dependencies, grpc::CallbackServerContext* context,
    v1::UploadReceipt* response);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_UPLOAD_REACTOR_H_
