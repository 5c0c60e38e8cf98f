// A device's call to its group of secure aggregation, which may wait for other
// devices.
#ifndef SHOAL_COORDINATOR_SERVICE_AGGREGATE_REACTOR_H_
#define SHOAL_COORDINATOR_SERVICE_AGGREGATE_REACTOR_H_

#include <grpcpp/grpcpp.h>

#include "coordinator/service/fleet_service.h"

namespace shoal::coordinator {

// While it waits it occupies no thread.
grpc::ServerUnaryReactor* StartAggregate(const FleetDependencies& dependencies,
                                         grpc::CallbackServerContext* context,
                                         const v1::AggregateRequest& request,
                                         v1::AggregateResponse* response);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_AGGREGATE_REACTOR_H_
