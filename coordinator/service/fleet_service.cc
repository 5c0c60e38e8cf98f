#include "coordinator/service/fleet_service.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/service/aggregate_reactor.h"
#include "coordinator/service/fetch_reactor.h"
#include "coordinator/service/grpc_status.h"
#include "coordinator/service/store_errors.h"
#include "coordinator/service/upload_reactor.h"
#include "protocol/refusal.h"
#include "protocol/wire.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using protocol::RefusalError;

grpc::ServerUnaryReactor* Answer(grpc::CallbackServerContext* context,
                                 const absl::Status& status) {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  reactor->Finish(ToGrpc(StoreError(status)));
  return reactor;
}

absl::Status CheckProtocol(const v1::ProtocolVersion& theirs) {
  const protocol::ProtocolVersion version = {theirs.major(), theirs.minor()};
  if (protocol::Negotiate(protocol::kProtocolVersion, version).has_value()) {
    return absl::OkStatus();
  }
  return RefusalError(RefusalCode::kProtocolIncompatible,
                      absl::StrCat("the device speaks protocol ", version.major,
                                   ".", version.minor, ", this coordinator ",
                                   protocol::kProtocolVersion.major, ".",
                                   protocol::kProtocolVersion.minor));
}

absl::Status Enroll(const FleetDependencies& d,
                    const v1::EnrollRequest& request,
                    v1::EnrollResponse& response) {
  SHOAL_RETURN_IF_ERROR(CheckProtocol(request.protocol()));
  SHOAL_ASSIGN_OR_RETURN(
      const EnrolledDevice device,
      d.enrollment.Enroll(request.invitation(), request.certificate_request(),
                          request.device_name(), d.clock.Now()));
  d.log.Info("device enrolled",
             {{"device", device.device_id}, {"name", request.device_name()}});
  response.set_certificate_pem(device.certificate_pem);
  response.set_ca_pem(device.ca_pem);
  response.set_device_id(device.device_id);
  return absl::OkStatus();
}

absl::Status CheckIn(const FleetDependencies& d,
                     const grpc::ServerContextBase& context,
                     const v1::CheckInRequest& request,
                     v1::CheckInResponse& response) {
  SHOAL_ASSIGN_OR_RETURN(const DeviceIdentity device,
                         RequireDevice(d, context));
  SHOAL_ASSIGN_OR_RETURN(const protocol::CheckIn message,
                         protocol::FromProto(request));
  SHOAL_ASSIGN_OR_RETURN(const protocol::CheckInAnswer answer,
                         d.engine.CheckIn(device, message, d.clock.Now()));
  d.driver.Poke();
  response = protocol::ToProto(answer);
  return absl::OkStatus();
}

absl::StatusOr<Digest> ReadDigest(absl::string_view bytes) {
  absl::StatusOr<Digest> digest = Digest::FromBytes(bytes);
  if (digest.ok()) return digest;
  return RefusalError(RefusalCode::kBadRequest,
                      absl::StrCat("digest: ", digest.status().message()));
}

absl::Status QueryUpload(const FleetDependencies& d,
                         const grpc::ServerContextBase& context,
                         const v1::QueryUploadRequest& request,
                         v1::QueryUploadResponse& response) {
  SHOAL_ASSIGN_OR_RETURN(const DeviceIdentity device,
                         RequireDevice(d, context));
  SHOAL_ASSIGN_OR_RETURN(const Digest digest, ReadDigest(request.digest()));
  SHOAL_ASSIGN_OR_RETURN(
      const protocol::UploadProgress progress,
      d.engine.QueryUpload(device, request.token(), digest, d.clock.Now()));
  response = protocol::ToProto(progress);
  return absl::OkStatus();
}

absl::Status Abandon(const FleetDependencies& d,
                     const grpc::ServerContextBase& context,
                     const v1::AbandonRequest& request,
                     v1::AbandonResponse& response) {
  SHOAL_ASSIGN_OR_RETURN(const DeviceIdentity device,
                         RequireDevice(d, context));
  SHOAL_ASSIGN_OR_RETURN(const protocol::AbandonReason reason,
                         protocol::FromProto(request.reason()));
  SHOAL_ASSIGN_OR_RETURN(
      const absl::Duration next_check_in,
      d.engine.Abandon(device, request.token(), reason, d.clock.Now()));
  d.driver.Poke();
  *response.mutable_next_check_in() = protocol::ToProto(next_check_in);
  return absl::OkStatus();
}

absl::Status Forget(const FleetDependencies& d,
                    const grpc::ServerContextBase& context) {
  SHOAL_ASSIGN_OR_RETURN(const DeviceIdentity device,
                         RequireDevice(d, context));
  SHOAL_RETURN_IF_ERROR(d.engine.ForgetDevice(device.id));
  d.driver.Poke();
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<DeviceIdentity> RequireDevice(
    const FleetDependencies& dependencies,
    const grpc::ServerContextBase& context) {
  absl::StatusOr<protocol::Identity> identity =
      dependencies.authenticator.Require(protocol::Role::kDevice, context,
                                         dependencies.clock.Now());
  if (!identity.ok()) {
    dependencies.log.Info(
        "device refused",
        {{"peer", context.peer()}, {"why", identity.status().message()}});
    return identity.status();
  }
  return DeviceIdentity{std::move(identity->id), std::move(identity->name)};
}

grpc::ServerUnaryReactor* FleetService::Enroll(
    grpc::CallbackServerContext* context, const v1::EnrollRequest* request,
    v1::EnrollResponse* response) {
  return Answer(context,
                coordinator::Enroll(dependencies_, *request, *response));
}

grpc::ServerUnaryReactor* FleetService::CheckIn(
    grpc::CallbackServerContext* context, const v1::CheckInRequest* request,
    v1::CheckInResponse* response) {
  return Answer(context, coordinator::CheckIn(dependencies_, *context, *request,
                                              *response));
}

grpc::ServerWriteReactor<v1::ModelChunk>* FleetService::FetchModel(
    grpc::CallbackServerContext* context,
    const v1::FetchModelRequest* request) {
  return StartFetch(dependencies_, context, *request);
}

grpc::ServerUnaryReactor* FleetService::QueryUpload(
    grpc::CallbackServerContext* context, const v1::QueryUploadRequest* request,
    v1::QueryUploadResponse* response) {
  return Answer(context, coordinator::QueryUpload(dependencies_, *context,
                                                  *request, *response));
}

grpc::ServerReadReactor<v1::UploadRequest>* FleetService::Upload(
    grpc::CallbackServerContext* context, v1::UploadReceipt* response) {
  return StartUpload(dependencies_, context, response);
}

grpc::ServerUnaryReactor* FleetService::Aggregate(
    grpc::CallbackServerContext* context, const v1::AggregateRequest* request,
    v1::AggregateResponse* response) {
  return StartAggregate(dependencies_, context, *request, response);
}

grpc::ServerUnaryReactor* FleetService::Abandon(
    grpc::CallbackServerContext* context, const v1::AbandonRequest* request,
    v1::AbandonResponse* response) {
  return Answer(context, coordinator::Abandon(dependencies_, *context, *request,
                                              *response));
}

grpc::ServerUnaryReactor* FleetService::Forget(
    grpc::CallbackServerContext* context, const v1::ForgetRequest*,
    v1::ForgetResponse*) {
  return Answer(context, coordinator::Forget(dependencies_, *context));
}

}  // namespace shoal::coordinator
