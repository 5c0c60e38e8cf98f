#include "tests/faults/shoald_process.h"

#include <signal.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "protocol/wire.h"

namespace shoal::testing {
namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(10);
constexpr absl::Duration kValidFor = absl::Hours(24);

std::shared_ptr<grpc::Channel> Channel(
    const std::string& address, const std::string& ca_pem,
    const protocol::KeyAndCertificate& leaf) {
  grpc::SslCredentialsOptions options;
  options.pem_root_certs = ca_pem;
  options.pem_cert_chain = leaf.certificate_pem;
  options.pem_private_key = std::string(leaf.key_pem.Reveal());
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 20);
  // Also the longest time that a handshake may take.
  arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 10'000);
  arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 200);
  return grpc::CreateCustomChannel(address, grpc::SslCredentials(options),
                                   arguments);
}

absl::Status FromGrpc(const grpc::Status& status) {
  return protocol::StatusFromWire(
      static_cast<absl::StatusCode>(status.error_code()),
      status.error_message(), status.error_details());
}

void SetDeadline(grpc::ClientContext& context) {
  context.set_deadline(std::chrono::system_clock::now() +
                       std::chrono::seconds(20));
  context.set_wait_for_ready(true);
}

}  // namespace

ShoaldProcess::ShoaldProcess(const std::string& data_parent)
    : data_((data_parent.empty() ? folder_.path() : data_parent) + "/data"),
      log_(folder_.path() + "/shoald.log"),
      config_(folder_.path() + "/shoald.yaml") {
  TakeNewCa();
  operator_ = *protocol::Issue(ca_, "operator", protocol::Role::kOperator, {},
                               absl::Now(), kValidFor);
  WriteCredentials(credentials(), operator_);
}

void ShoaldProcess::TakeNewCa() {
  const absl::Time now = absl::Now();
  ca_ = *protocol::MakeCa("faults", now, kValidFor);
  const auto leaf =
      protocol::Issue(ca_, "coordinator", protocol::Role::kCoordinator,
                      {"127.0.0.1"}, now, kValidFor);
  SHOAL_CHECK(leaf.ok());
  const std::string tls = folder_.path() + "/tls";
  WriteCredentials(tls, *leaf);
  SHOAL_CHECK(
      WriteFileAtomically(tls + "/ca.key", ca_.key_pem.Reveal(), 0600).ok());
}

void ShoaldProcess::WriteCredentials(
    const std::string& folder, const protocol::KeyAndCertificate& leaf) const {
  SHOAL_CHECK(MakeFolders(folder).ok());
  const auto write = [&](const char* name, absl::string_view text) {
    SHOAL_CHECK(WriteFileAtomically(folder + "/" + name, text, 0600).ok());
  };
  write("ca.pem", ca_.certificate_pem);
  write("certificate.pem", leaf.certificate_pem);
  write("key.pem", leaf.key_pem.Reveal());
}

absl::Status ShoaldProcess::Start(const std::string& failpoint) {
  const std::string tls = folder_.path() + "/tls";
  SHOAL_RETURN_IF_ERROR(WriteFileAtomically(
      config_,
      absl::StrCat("listen: ", address_, "\nhttp_listen: ''\ndata: ", data_,
                   "\ncommit: {max_delay: 50ms}\ntls:\n  ca: ", tls,
                   "/ca.pem\n  certificate: ", tls, "/certificate.pem\n  key: ",
                   tls, "/key.pem\nenrollment_ca_key: ", tls, "/ca.key\n")));
  const std::string endpoints = data_ + "/endpoints.json";
  std::filesystem::remove(endpoints);
  process_.reset();
  SHOAL_ASSIGN_OR_RETURN(
      process_, ChildProcess::Start({{ExecutableFolder() + "/../bin/shoald",
                                      "--config", config_},
                                     {"SHOAL_FAILPOINT=" + failpoint},
                                     log_}));
  for (int i = 0; i < 2000; ++i) {
    if (std::filesystem::exists(endpoints)) {
      SHOAL_ASSIGN_OR_RETURN(const std::string text, ReadFile(endpoints));
      address_ = nlohmann::json::parse(text).at("grpc");
      return absl::OkStatus();
    }
    if (!running()) break;
    absl::SleepFor(kPoll);
  }
  return absl::InternalError(absl::StrCat("shoald did not start:\n", Log()));
}

bool ShoaldProcess::AwaitDeath(absl::Duration timeout) {
  const auto exit = process_->Wait(timeout);
  return exit.has_value() && exit->signal == SIGKILL;
}

absl::StatusOr<int> ShoaldProcess::Stop() {
  process_->Signal(SIGTERM);
  const auto exit = process_->Wait(absl::Seconds(20));
  if (!exit.has_value()) {
    return absl::DeadlineExceededError("shoald ignored SIGTERM for 20 s");
  }
  return exit->code;
}

std::shared_ptr<grpc::Channel> ShoaldProcess::OperatorChannel() const {
  return Channel(address_, ca_.certificate_pem, operator_);
}

std::shared_ptr<grpc::Channel> ShoaldProcess::DeviceChannel(
    const protocol::KeyAndCertificate& device) const {
  return Channel(address_, ca_.certificate_pem, device);
}

absl::Status ShoaldProcess::CreateTask(const v1::Task& task) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::CreateTaskRequest request;
  *request.mutable_task() = task;
  v1::TaskReport report;
  return FromGrpc(v1::Admin::NewStub(OperatorChannel())
                      ->CreateTask(&context, request, &report));
}

absl::StatusOr<v1::TaskReport> ShoaldProcess::GetTask(const std::string& name) {
  grpc::ClientContext context;
  SetDeadline(context);
  v1::GetTaskRequest request;
  request.set_name(name);
  v1::TaskReport report;
  SHOAL_RETURN_IF_ERROR(FromGrpc(v1::Admin::NewStub(OperatorChannel())
                                     ->GetTask(&context, request, &report)));
  return report;
}

absl::Status ShoaldProcess::AwaitCompletion(const std::string& task,
                                            absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (absl::Now() < deadline) {
    if (!running()) SHOAL_RETURN_IF_ERROR(Start());
    const auto report = GetTask(task);
    if (report.ok() && report->state() == v1::TASK_STATE_COMPLETED) {
      return absl::OkStatus();
    }
    absl::SleepFor(kPoll);
  }
  return absl::DeadlineExceededError(
      absl::StrCat("task ", task, " is not complete:\n", Log()));
}

}  // namespace shoal::testing
