// The Fleet service over gRPC: authenticates, converts, and calls the engine.
#ifndef SHOAL_COORDINATOR_SERVICE_FLEET_SERVICE_H_
#define SHOAL_COORDINATOR_SERVICE_FLEET_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "base/clock.h"
#include "base/logging.h"
#include "coordinator/engine/round_engine.h"
#include "coordinator/service/authenticator.h"
#include "coordinator/service/engine_driver.h"
#include "coordinator/service/enrollment.h"
#include "coordinator/service/model_cache.h"
#include "coordinator/service/traffic.h"
#include "coordinator/service/transfer_watch.h"
#include "shoal/v1/fleet.grpc.pb.h"

namespace shoal::coordinator {

// All of them must outlive the calls that use them.
struct FleetDependencies {
  RoundEngine& engine;
  EngineDriver& driver;
  Authenticator& authenticator;
  Enrollment& enrollment;
  ModelCache& models;
  Traffic& traffic;
  TransferWatch& transfers;
  const Clock& clock;
  Logger& log;
};

// Unary calls run on gRPC's thread: the engine answers in tens of microseconds
// and never waits for the disk there. Streams are reactors; while an upload
// waits for its receipt it occupies no thread. Thread-safe.
class FleetService final : public v1::Fleet::CallbackService {
 public:
  explicit FleetService(const FleetDependencies& dependencies)
      : dependencies_(dependencies) {}

  grpc::ServerUnaryReactor* Enroll(grpc::CallbackServerContext* context,
                                   const v1::EnrollRequest* request,
                                   v1::EnrollResponse* response) override;
  grpc::ServerUnaryReactor* CheckIn(grpc::CallbackServerContext* context,
                                    const v1::CheckInRequest* request,
                                    v1::CheckInResponse* response) override;
  grpc::ServerWriteReactor<v1::ModelChunk>* FetchModel(
      grpc::CallbackServerContext* context,
      const v1::FetchModelRequest* request) override;
  grpc::ServerUnaryReactor* QueryUpload(
      grpc::CallbackServerContext* context,
      const v1::QueryUploadRequest* request,
      v1::QueryUploadResponse* response) override;
  grpc::ServerReadReactor<v1::UploadRequest>* Upload(
      grpc::CallbackServerContext* context,
      v1::UploadReceipt* response) override;
  grpc::ServerUnaryReactor* Aggregate(grpc::CallbackServerContext* context,
                                      const v1::AggregateRequest* request,
                                      v1::AggregateResponse* response) override;
  grpc::ServerUnaryReactor* Abandon(grpc::CallbackServerContext* context,
                                    const v1::AbandonRequest* request,
                                    v1::AbandonResponse* response) override;
  grpc::ServerUnaryReactor* Forget(grpc::CallbackServerContext* context,
                                   const v1::ForgetRequest* request,
                                   v1::ForgetResponse* response) override;

 private:
  const FleetDependencies dependencies_;
};

// The calling device, as its certificate names it. Refusals of
// Authenticator::Require.
absl::StatusOr<DeviceIdentity> RequireDevice(
    const FleetDependencies& dependencies,
    const grpc::ServerContextBase& context);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_FLEET_SERVICE_H_
