#include "tests/faults/agent_process.h"

#include <signal.h>

#include <set>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "coordinator/store/sqlite_store.h"
#include "shoal/v1/admin.grpc.pb.h"

namespace shoal::testing {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);

std::string Program() { return ExecutableFolder() + "/../bin/shoal-agent"; }

}  // namespace

v1::Task AgentTask(int agents, int rounds) {
  v1::Task task;
  task.set_name("agents");
  task.set_population("handwriting");
  auto* mlp = task.mutable_model()->mutable_mlp();
  mlp->set_inputs(784);
  mlp->add_hidden(200);
  mlp->add_hidden(200);
  mlp->set_outputs(10);
  task.mutable_training()->set_learning_rate(0.05);
  task.mutable_round()->set_cohort(agents);
  task.mutable_round()->set_over_selection(1);
  task.mutable_round()->set_min_reports(agents);
  task.mutable_round()->mutable_deadline()->set_seconds(50);
  task.set_rounds(rounds);
  return task;
}

absl::StatusOr<std::string> Invite(ShoaldProcess& shoald, int uses) {
  grpc::ClientContext context;
  v1::InviteDevicesRequest request;
  request.set_uses(uses);
  request.mutable_valid_for()->set_seconds(600);
  v1::Invitation invitation;
  const grpc::Status status =
      v1::Admin::NewStub(shoald.OperatorChannel())
          ->InviteDevices(&context, request, &invitation);
  if (!status.ok()) return absl::InternalError(status.error_message());
  return invitation.token();
}

AgentProcess::AgentProcess(const std::string& folder, int index, int agents)
    : folder_(absl::StrCat(folder, "/agent-", index)),
      index_(index),
      agents_(agents) {}

absl::Status AgentProcess::Enroll(ShoaldProcess& shoald,
                                  const std::string& invitation,
                                  const std::string& address) {
  SHOAL_RETURN_IF_ERROR(MakeFolders(folder_));
  const std::string ca = folder_ + "/enroll-ca.pem";
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(ca, shoald.ca().certificate_pem));
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(
      ConfigPath(), absl::StrCat("coordinator: ", address, "\nstate: ", folder_,
                                 "/state\npopulation: handwriting\n",
                                 "data: {handwriting: {mean_examples: 20}}\n",
                                 "share: {index: ", index_, ", devices: ",
                                 agents_, "}\nmax_backoff: 200ms\n")));
  SHOAL_ASSIGN_OR_RETURN(
      const auto enroll,
      ChildProcess::Start(
          {{Program(), "enroll", "--coordinator", shoald.address(), "--ca", ca,
            "--invitation", invitation, "--state", folder_ + "/state", "--name",
            absl::StrCat("agent-", index_)},
           {},
           LogPath()}));
  const auto exit = enroll->Wait(kPatience);
  if (!exit.has_value() || exit->code != 0 || exit->signal != 0) {
    return absl::InternalError("enroll failed:\n" + Log());
  }
  return absl::OkStatus();
}

absl::Status AgentProcess::Start(const std::string& failpoint) {
  process_.reset();
  SHOAL_ASSIGN_OR_RETURN(
      process_,
      ChildProcess::Start({{Program(), "run", "--config", ConfigPath()},
                           {"SHOAL_AGENT_FAILPOINT=" + failpoint},
                           LogPath()}));
  return absl::OkStatus();
}

absl::StatusOr<int> AgentProcess::Stop() {
  process_->Signal(SIGTERM);
  const auto exit = process_->Wait(absl::Seconds(5));
  if (!exit.has_value()) {
    return absl::DeadlineExceededError("the agent ignored SIGTERM:\n" + Log());
  }
  return exit->code;
}

std::string AgentProcess::Log() const { return TailOfFile(LogPath(), 50); }

absl::Status CheckEveryAgentCountedOnce(const std::string& database, int agents,
                                        int rounds) {
  SHOAL_ASSIGN_OR_RETURN(const auto store,
                         coordinator::OpenSqliteStore(database));
  SHOAL_ASSIGN_OR_RETURN(const auto rows, store->ListRounds("agents", 1000, 0));
  if (static_cast<int>(rows.size()) != rounds) {
    return absl::InternalError(absl::StrCat(rows.size(),
                                            " rounds were opened "
                                            "for a task of ",
                                            rounds));
  }
  for (const coordinator::RoundRow& round : rows) {
    if (round.state != coordinator::RoundState::kCommitted) {
      return absl::InternalError(
          absl::StrCat("round ", round.id, " is ", ToString(round.state)));
    }
    SHOAL_ASSIGN_OR_RETURN(const auto contributions,
                           store->ListContributions(round.id));
    std::set<std::string> devices;
    for (const auto& row : contributions) devices.insert(row.device_id);
    if (static_cast<int>(contributions.size()) != agents ||
        static_cast<int>(devices.size()) != agents) {
      return absl::InternalError(absl::StrCat(
          "round ", round.id, " counts ", contributions.size(), " updates of ",
          devices.size(), " agents; expected ", agents));
    }
  }
  return absl::OkStatus();
}

}  // namespace shoal::testing
