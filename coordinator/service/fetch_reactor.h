// One FetchModel call: sends a model chunk by chunk.
#ifndef SHOAL_COORDINATOR_SERVICE_FETCH_REACTOR_H_
#define SHOAL_COORDINATOR_SERVICE_FETCH_REACTOR_H_

#include <grpcpp/grpcpp.h>

#include "coordinator/service/fleet_service.h"
#include "coordinator/service/model_cache.h"
#include "shoal/v1/fleet.pb.h"

namespace shoal::coordinator {

// What sending a model takes, for devices and for operators.
struct ModelSender {
  ModelCache& models;
  Traffic& traffic;
  TransferWatch& transfers;
};

// Authenticates the device and starts to send. The reactor owns itself.
grpc::ServerWriteReactor<v1::ModelChunk>* StartFetch(
    const FleetDependencies& dependencies, grpc::CallbackServerContext* context,
    const v1::FetchModelRequest& request);

// Sends to a caller who may have it. Refusals: kBadRequest, kUnknownModel.
grpc::ServerWriteReactor<v1::ModelChunk>* SendModel(
    const ModelSender& sender, grpc::CallbackServerContext* context,
    absl::string_view digest, uint64_t offset);

// A call that ends with an error at once.
grpc::ServerWriteReactor<v1::ModelChunk>* RefuseModel(
    const absl::Status& status);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_FETCH_REACTOR_H_
