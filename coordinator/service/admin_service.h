// The Admin service over gRPC: what operators see and do.
#ifndef SHOAL_COORDINATOR_SERVICE_ADMIN_SERVICE_H_
#define SHOAL_COORDINATOR_SERVICE_ADMIN_SERVICE_H_

#include <grpcpp/grpcpp.h>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/logging.h"
#include "coordinator/engine/round_engine.h"
#include "coordinator/service/admin_reports.h"
#include "coordinator/service/authenticator.h"
#include "coordinator/service/engine_driver.h"
#include "coordinator/service/enrollment.h"
#include "coordinator/service/fetch_reactor.h"
#include "coordinator/service/round_feed.h"
#include "shoal/v1/admin.grpc.pb.h"

namespace shoal::coordinator {

// All of them must outlive the calls that use them.
struct AdminDependencies {
  RoundEngine& engine;
  EngineDriver& driver;
  Authenticator& authenticator;
  Enrollment& enrollment;
  const ReportReader& reports;
  RoundFeed& feed;
  const Traffic& traffic;  // of devices
  ModelSender sender;      // to operators
  const Clock& clock;
  Logger& log;
  absl::Time started;
};

// What GetStatus answers. Errors of the store; DATA_LOSS when a task's
// definition does not parse.
absl::StatusOr<v1::StatusReport> StatusOf(const AdminDependencies& d);

// Every call needs an operator's certificate. Calls run on gRPC's threads and
// may wait for the disk there: operators are few. Thread-safe.
class AdminService final : public v1::Admin::CallbackService {
 public:
  explicit AdminService(const AdminDependencies& dependencies)
      : d_(dependencies) {}

  grpc::ServerUnaryReactor* GetStatus(grpc::CallbackServerContext* context,
                                      const v1::GetStatusRequest* request,
                                      v1::StatusReport* response) override;
  grpc::ServerUnaryReactor* CreateTask(grpc::CallbackServerContext* context,
                                       const v1::CreateTaskRequest* request,
                                       v1::TaskReport* response) override;
  grpc::ServerUnaryReactor* ListTasks(grpc::CallbackServerContext* context,
                                      const v1::ListTasksRequest* request,
                                      v1::ListTasksResponse* response) override;
  grpc::ServerUnaryReactor* GetTask(grpc::CallbackServerContext* context,
                                    const v1::GetTaskRequest* request,
                                    v1::TaskReport* response) override;
  grpc::ServerUnaryReactor* SetTaskState(grpc::CallbackServerContext* context,
                                         const v1::SetTaskStateRequest* request,
                                         v1::TaskReport* response) override;
  grpc::ServerUnaryReactor* GetPrivacy(grpc::CallbackServerContext* context,
                                       const v1::GetPrivacyRequest* request,
                                       v1::PrivacyReport* response) override;
  grpc::ServerUnaryReactor* ListRounds(
      grpc::CallbackServerContext* context,
      const v1::ListRoundsRequest* request,
      v1::ListRoundsResponse* response) override;
  grpc::ServerUnaryReactor* GetRound(grpc::CallbackServerContext* context,
                                     const v1::GetRoundRequest* request,
                                     v1::RoundReport* response) override;
  grpc::ServerWriteReactor<v1::RoundReport>* WatchRounds(
      grpc::CallbackServerContext* context,
      const v1::WatchRoundsRequest* request) override;
  grpc::ServerUnaryReactor* ListDevices(
      grpc::CallbackServerContext* context,
      const v1::ListDevicesRequest* request,
      v1::ListDevicesResponse* response) override;
  grpc::ServerUnaryReactor* GetDevice(grpc::CallbackServerContext* context,
                                      const v1::GetDeviceRequest* request,
                                      v1::DeviceReport* response) override;
  grpc::ServerUnaryReactor* ForgetDevice(
      grpc::CallbackServerContext* context,
      const v1::ForgetDeviceRequest* request,
      v1::ForgetDeviceResponse* response) override;
  grpc::ServerUnaryReactor* InviteDevices(
      grpc::CallbackServerContext* context,
      const v1::InviteDevicesRequest* request,
      v1::Invitation* response) override;
  grpc::ServerUnaryReactor* ListModels(
      grpc::CallbackServerContext* context,
      const v1::ListModelsRequest* request,
      v1::ListModelsResponse* response) override;
  grpc::ServerUnaryReactor* GetModel(grpc::CallbackServerContext* context,
                                     const v1::GetModelRequest* request,
                                     v1::ModelReport* response) override;
  grpc::ServerWriteReactor<v1::ModelChunk>* DownloadModel(
      grpc::CallbackServerContext* context,
      const v1::DownloadModelRequest* request) override;

 private:
  // The name of the operator. Refusals of Authenticator::Require.
  absl::StatusOr<std::string> RequireOperator(
      const grpc::ServerContextBase& context) const;

  // Answers with work(operator's name), an absl::Status.
  template <typename Work>
  grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context,
                                   const Work& work) const;

  const AdminDependencies d_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_SERVICE_ADMIN_SERVICE_H_
