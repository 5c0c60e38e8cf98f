#include "coordinator/service/admin_service.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "base/version.h"
#include "configuration/task_proto.h"
#include "coordinator/operations/process_info.h"
#include "coordinator/service/grpc_status.h"
#include "coordinator/service/model_lookup.h"
#include "coordinator/service/store_errors.h"
#include "coordinator/service/watch_reactor.h"
#include "protocol/wire.h"

namespace shoal::coordinator {
namespace {

constexpr int kMaxRows = 1000;

int Limit(uint32_t wanted, int otherwise) {
  if (wanted == 0) return otherwise;
  return static_cast<int>(std::min<uint32_t>(wanted, kMaxRows));
}

}  // namespace

absl::StatusOr<v1::StatusReport> StatusOf(const AdminDependencies& d) {
  v1::StatusReport out;
  RoundStore& store = d.reports.store();
  const absl::Time now = d.clock.Now();
  out.set_version(Version());
  out.set_long_version(LongVersion());
  out.mutable_protocol()->set_major(protocol::kProtocolVersion.major);
  out.mutable_protocol()->set_minor(protocol::kProtocolVersion.minor);
  *out.mutable_started() = protocol::ToProto(d.started);
  out.set_store(store.Describe());
  SHOAL_ASSIGN_OR_RETURN(const int64_t devices,
                         store.CountDevices(absl::InfinitePast()));
  SHOAL_ASSIGN_OR_RETURN(const int64_t recent,
                         store.CountDevices(now - absl::Hours(1)));
  out.set_devices(devices);
  out.set_devices_seen_last_hour(recent);
  SHOAL_ASSIGN_OR_RETURN(const std::vector<TaskRow> tasks, store.ListTasks());
  for (const TaskRow& task : tasks) {
    SHOAL_ASSIGN_OR_RETURN(*out.add_tasks(), d.reports.Task(task));
  }
  SHOAL_ASSIGN_OR_RETURN(const int64_t resident, ResidentBytes());
  out.set_resident_bytes(resident);
  out.set_uploads_in_progress(d.engine.uploads_in_progress());
  out.set_bytes_received(d.traffic.received());
  out.set_bytes_sent(d.traffic.sent());
  return out;
}

namespace {

absl::Status FillTask(const AdminDependencies& d, const std::string& name,
                      v1::TaskReport& out) {
  SHOAL_ASSIGN_OR_RETURN(const TaskRow row, d.reports.store().GetTask(name));
  SHOAL_ASSIGN_OR_RETURN(out, d.reports.Task(row));
  return absl::OkStatus();
}

absl::Status CreateTask(const AdminDependencies& d, const std::string& who,
                        const v1::CreateTaskRequest& request,
                        v1::TaskReport& out) {
  SHOAL_ASSIGN_OR_RETURN(const configuration::Task task,
                         configuration::TaskFromProto(request.task()));
  SHOAL_RETURN_IF_ERROR(
      d.engine.CreateTask(task, request.initial_model(), d.clock.Now()));
  d.driver.Poke();
  d.log.Info("operator call",
             {{"call", "CreateTask"}, {"task", task.name}, {"by", who}});
  return FillTask(d, task.name, out);
}

absl::Status SetTaskState(const AdminDependencies& d, const std::string& who,
                          const v1::SetTaskStateRequest& request,
                          v1::TaskReport& out) {
  const std::optional<TaskState> state = FromProto(request.state());
  if (!state.has_value()) {
    return absl::InvalidArgumentError(
        "state: expected active, paused or stopped");
  }
  SHOAL_RETURN_IF_ERROR(
      d.engine.SetTaskState(request.name(), *state, d.clock.Now()));
  d.driver.Poke();
  d.log.Info(
      "task state set",
      {{"task", request.name()}, {"state", ToString(*state)}, {"by", who}});
  return FillTask(d, request.name(), out);
}

absl::Status ListRounds(const AdminDependencies& d,
                        const v1::ListRoundsRequest& request,
                        v1::ListRoundsResponse& out) {
  SHOAL_ASSIGN_OR_RETURN(
      const std::vector<RoundRow> rows,
      d.reports.store().ListRounds(request.task(), Limit(request.limit(), 50),
                                   static_cast<int64_t>(request.before_id())));
  // An unknown task is an error here, not an empty list.
  SHOAL_ASSIGN_OR_RETURN(std::vector<v1::RoundReport> reports,
                         d.reports.Rounds(request.task(), rows));
  for (v1::RoundReport& report : reports) {
    *out.add_rounds() = std::move(report);
  }
  return absl::OkStatus();
}

// The log does not say which: the device is to be forgotten there as well.
absl::Status ForgetDevice(const AdminDependencies& d, const std::string& who,
                          const v1::ForgetDeviceRequest& request,
                          v1::ForgetDeviceResponse& out) {
  SHOAL_ASSIGN_OR_RETURN(const DeviceRow row,
                         d.reports.store().FindDevice(request.id()));
  SHOAL_RETURN_IF_ERROR(d.engine.ForgetDevice(row.id));
  d.driver.Poke();
  d.log.Info("operator call", {{"call", "ForgetDevice"}, {"by", who}});
  out.set_id(row.id);
  return absl::OkStatus();
}

absl::Status Invite(const AdminDependencies& d, const std::string& who,
                    const v1::InviteDevicesRequest& request,
                    v1::Invitation& out) {
  InvitationRequest invitation;
  if (request.uses() > 0) invitation.uses = request.uses();
  if (request.has_valid_for()) {
    invitation.valid_for = protocol::FromProto(request.valid_for());
  }
  invitation.label = request.label();
  SHOAL_ASSIGN_OR_RETURN(const NewInvitation made,
                         d.enrollment.Invite(invitation, d.clock.Now()));
  d.log.Info(
      "devices invited",
      {{"uses", request.uses()}, {"label", request.label()}, {"by", who}});
  out.set_token(made.token);
  *out.mutable_expires() = protocol::ToProto(made.expires);
  out.set_uses(request.uses());
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> AdminService::RequireOperator(
    const grpc::ServerContextBase& context) const {
  absl::StatusOr<protocol::Identity> identity = d_.authenticator.Require(
      protocol::Role::kOperator, context, d_.clock.Now());
  if (identity.ok()) return std::move(identity->name);
  d_.log.Warning("operator refused", {{"peer", context.peer()},
                                      {"why", identity.status().message()}});
  return identity.status();
}

template <typename Work>
grpc::ServerUnaryReactor* AdminService::Answer(
    grpc::CallbackServerContext* context, const Work& work) const {
  grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
  const absl::StatusOr<std::string> who = RequireOperator(*context);
  reactor->Finish(ToGrpc(StoreError(who.ok() ? work(*who) : who.status())));
  return reactor;
}

grpc::ServerUnaryReactor* AdminService::GetStatus(
    grpc::CallbackServerContext* context, const v1::GetStatusRequest* request,
    v1::StatusReport* response) {
  return Answer(context, [&](const std::string&) -> absl::Status {
    SHOAL_ASSIGN_OR_RETURN(*response, StatusOf(d_));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminService::CreateTask(
    grpc::CallbackServerContext* context, const v1::CreateTaskRequest* request,
    v1::TaskReport* response) {
  return Answer(context, [&](const std::string& who) {
    return coordinator::CreateTask(d_, who, *request, *response);
  });
}

grpc::ServerUnaryReactor* AdminService::ListTasks(
    grpc::CallbackServerContext* context, const v1::ListTasksRequest* request,
    v1::ListTasksResponse* response) {
  return Answer(context, [&](const std::string&) -> absl::Status {
    SHOAL_ASSIGN_OR_RETURN(const std::vector<TaskRow> rows,
                           d_.reports.store().ListTasks());
    for (const TaskRow& row : rows) {
      SHOAL_ASSIGN_OR_RETURN(*response->add_tasks(), d_.reports.Task(row));
    }
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminService::GetTask(
    grpc::CallbackServerContext* context, const v1::GetTaskRequest* request,
    v1::TaskReport* response) {
  return Answer(context, [&](const std::string&) {
    return FillTask(d_, request->name(), *response);
  });
}

grpc::ServerUnaryReactor* AdminService::GetPrivacy(
    grpc::CallbackServerContext* context, const v1::GetPrivacyRequest* request,
    v1::PrivacyReport* response) {
  return Answer(context, [&](const std::string&) -> absl::Status {
    SHOAL_ASSIGN_OR_RETURN(const TaskRow row,
                           d_.reports.store().GetTask(request->task()));
    SHOAL_ASSIGN_OR_RETURN(const PrivacyReport report,
                           d_.engine.PrivacyOf(request->task()));
    *response = ToReport(row, report);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminService::SetTaskState(
    grpc::CallbackServerContext* context,
    const v1::SetTaskStateRequest* request, v1::TaskReport* response) {
  return Answer(context, [&](const std::string& who) {
    return coordinator::SetTaskState(d_, who, *request, *response);
  });
}

grpc::ServerUnaryReactor* AdminService::ListRounds(
    grpc::CallbackServerContext* context, const v1::ListRoundsRequest* request,
    v1::ListRoundsResponse* response) {
  return Answer(context, [&](const std::string&) {
    return coordinator::ListRounds(d_, *request, *response);
  });
}

grpc::ServerUnaryReactor* AdminService::GetRound(
    grpc::CallbackServerContext* context, const v1::GetRoundRequest* request,
    v1::RoundReport* response) {
  return Answer(context, [&](const std::string&) -> absl::Status {
    SHOAL_ASSIGN_OR_RETURN(
        const RoundRow row,
        d_.reports.store().GetRound(static_cast<int64_t>(request->id())));
    SHOAL_ASSIGN_OR_RETURN(*response, d_.reports.Round(row));
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::RoundReport>* AdminService::WatchRounds(
    grpc::CallbackServerContext* context,
    const v1::WatchRoundsRequest* request) {
  const absl::StatusOr<std::string> who = RequireOperator(*context);
  if (!who.ok()) return RefuseWatch(who.status());
  return StartWatch(d_.feed, request->task(),
                    static_cast<int64_t>(request->since_round()));
}

grpc::ServerUnaryReactor* AdminService::ListDevices(
    grpc::CallbackServerContext* context, const v1::ListDevicesRequest* request,
    v1::ListDevicesResponse* response) {
  return Answer(context, [&](const std::string&) -> absl::Status {
    SHOAL_ASSIGN_OR_RETURN(
        const std::vector<DeviceRow> rows,
        d_.reports.store().ListDevices(Limit(request->limit(), 100),
                                       request->after_id()));
    for (const DeviceRow& row : rows) *response->add_devices() = ToReport(row);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminService::GetDevice(
    grpc::CallbackServerContext* context, const v1::GetDeviceRequest* request,
    v1::DeviceReport* response) {
  return Answer(context, [&](const std::string&) -> absl::Status {
    SHOAL_ASSIGN_OR_RETURN(const DeviceRow row,
                           d_.reports.store().FindDevice(request->id()));
    SHOAL_ASSIGN_OR_RETURN(*response, d_.reports.Device(row));
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminService::ForgetDevice(
    grpc::CallbackServerContext* context,
    const v1::ForgetDeviceRequest* request,
    v1::ForgetDeviceResponse* response) {
  return Answer(context, [&](const std::string& who) {
    return coordinator::ForgetDevice(d_, who, *request, *response);
  });
}

grpc::ServerUnaryReactor* AdminService::InviteDevices(
    grpc::CallbackServerContext* context,
    const v1::InviteDevicesRequest* request, v1::Invitation* response) {
  return Answer(context, [&](const std::string& who) {
    return Invite(d_, who, *request, *response);
  });
}

grpc::ServerUnaryReactor* AdminService::ListModels(
    grpc::CallbackServerContext* context, const v1::ListModelsRequest* request,
    v1::ListModelsResponse* response) {
  return Answer(context, [&](const std::string&) -> absl::Status {
    RoundStore& store = d_.reports.store();
    SHOAL_RETURN_IF_ERROR(store.GetTask(request->task()).status());
    SHOAL_ASSIGN_OR_RETURN(
        const std::vector<ModelRow> rows,
        store.ListModels(request->task(), Limit(request->limit(), 50)));
    for (const ModelRow& row : rows) *response->add_models() = ToReport(row);
    return absl::OkStatus();
  });
}

grpc::ServerUnaryReactor* AdminService::GetModel(
    grpc::CallbackServerContext* context, const v1::GetModelRequest* request,
    v1::ModelReport* response) {
  return Answer(context, [&](const std::string&) -> absl::Status {
    SHOAL_ASSIGN_OR_RETURN(
        const ModelRow row,
        FindModel(d_.reports.store(), request->digest_prefix()));
    *response = ToReport(row);
    return absl::OkStatus();
  });
}

grpc::ServerWriteReactor<v1::ModelChunk>* AdminService::DownloadModel(
    grpc::CallbackServerContext* context,
    const v1::DownloadModelRequest* request) {
  const absl::StatusOr<std::string> who = RequireOperator(*context);
  if (!who.ok()) return RefuseModel(who.status());
  return SendModel(d_.sender, context, request->digest(), request->offset());
}

}  // namespace shoal::coordinator
