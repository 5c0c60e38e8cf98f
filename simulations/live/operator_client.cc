#include "simulations/live/operator_client.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/transport/grpc_channel.h"
#include "protocol/wire.h"
#include "shoal/v1/admin.grpc.pb.h"

namespace shoal::simulations {
namespace {

constexpr std::chrono::seconds kCallTimeout(30);
constexpr uint32_t kPageRounds = 50;

absl::StatusOr<RoundRecord> ToRecord(const v1::RoundReport& report) {
  RoundRecord record;
  record.id = static_cast<int64_t>(report.id());
  record.number = static_cast<int64_t>(report.number());
  record.committed = report.state() == v1::ROUND_STATE_COMMITTED;
  record.failed = report.state() == v1::ROUND_STATE_FAILED;
  record.failure = report.failure();
  record.explanation = report.explanation();
  record.assigned = static_cast<int>(report.assigned());
  record.accepted = static_cast<int>(report.accepted());
  for (const v1::OutcomeCount& outcome : report.outcomes()) {
    if (absl::StartsWith(outcome.outcome(), "contributed: ")) {
      record.partial += static_cast<int>(outcome.devices());
    }
  }
  record.cohort = static_cast<int>(report.cohort());
  if (report.has_train_loss()) record.train_loss = report.train_loss();
  if (report.has_train_accuracy()) {
    record.train_accuracy = report.train_accuracy();
  }
  record.total_examples = static_cast<int64_t>(report.total_examples());
  record.bytes_up = static_cast<int64_t>(report.bytes_up());
  if (record.committed || record.failed) {
    record.duration = protocol::FromProto(report.finished()) -
                      protocol::FromProto(report.opened());
  }
  if (record.committed) {
    SHOAL_ASSIGN_OR_RETURN(record.committed_model,
                           Digest::FromBytes(report.committed_model()));
  }
  return record;
}

// Reads the stream on a thread of its own.
class RoundWatch final : public OperatorClient::Watch {
 public:
  RoundWatch(v1::Admin::Stub& stub, const std::string& task,
             std::function<void()> on_change) {
    v1::WatchRoundsRequest request;
    request.set_task(task);
    reader_ = stub.WatchRounds(&context_, request);
    thread_ = std::thread([this, on_change = std::move(on_change)] {
      v1::RoundReport report;
      while (reader_->Read(&report)) on_change();
      // However it ended: whoever listens looks for the reason.
      reader_->Finish().ok();
      on_change();
    });
  }
  ~RoundWatch() override {
    context_.TryCancel();
    thread_.join();
  }

 private:
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReader<v1::RoundReport>> reader_;
  std::thread thread_;
};

class AdminClient final : public OperatorClient {
 public:
  // `tls` null: plaintext.
  AdminClient(const std::string& address, const client::ChannelTls* tls)
      : address_(address),
        stub_(v1::Admin::NewStub(client::MakeChannel(address, tls))) {}

  absl::StatusOr<std::string> Invite(int uses, absl::Duration valid_for,
                                     const std::string& label) override {
    v1::InviteDevicesRequest request;
    request.set_uses(static_cast<uint32_t>(uses));
    *request.mutable_valid_for() = protocol::ToProto(valid_for);
    request.set_label(label);
    v1::Invitation invitation;
    SHOAL_RETURN_IF_ERROR(
        Call(&v1::Admin::Stub::InviteDevices, request, invitation));
    return invitation.token();
  }

  absl::Status CreateTask(const configuration::Task& task,
                          const std::string& initial_model) override {
    v1::CreateTaskRequest request;
    if (!request.mutable_task()->ParseFromString(
            configuration::SerializeTask(task))) {
      return absl::InternalError("the task does not serialise");
    }
    request.set_initial_model(initial_model);
    v1::TaskReport report;
    return Call(&v1::Admin::Stub::CreateTask, request, report);
  }

  absl::StatusOr<TaskRecord> GetTask(const std::string& name) override {
    v1::GetTaskRequest request;
    request.set_name(name);
    v1::TaskReport report;
    SHOAL_RETURN_IF_ERROR(Call(&v1::Admin::Stub::GetTask, request, report));
    TaskRecord record;
    SHOAL_ASSIGN_OR_RETURN(record.task, configuration::ParseTask(
                                            report.task().SerializeAsString()));
    record.completed = report.state() == v1::TASK_STATE_COMPLETED;
    record.stopped = report.state() == v1::TASK_STATE_STOPPED;
    record.rounds_committed = static_cast<int64_t>(report.rounds_committed());
    record.rounds_failed = static_cast<int64_t>(report.rounds_failed());
    record.trouble = report.trouble();
    return record;
  }

  absl::StatusOr<std::vector<RoundRecord>> RoundsAfter(const std::string& task,
                                                       int64_t id) override {
    std::vector<RoundRecord> rounds;
    v1::ListRoundsRequest request;
    request.set_task(task);
    request.set_limit(kPageRounds);
    while (true) {
      v1::ListRoundsResponse page;
      SHOAL_RETURN_IF_ERROR(Call(&v1::Admin::Stub::ListRounds, request, page));
      for (const v1::RoundReport& report : page.rounds()) {
        if (static_cast<int64_t>(report.id()) <= id) break;
        SHOAL_ASSIGN_OR_RETURN(RoundRecord record, ToRecord(report));
        rounds.push_back(std::move(record));
      }
      if (page.rounds_size() < static_cast<int>(kPageRounds) ||
          static_cast<int64_t>(page.rounds().rbegin()->id()) <= id) {
        break;
      }
      request.set_before_id(page.rounds().rbegin()->id());
    }
    std::reverse(rounds.begin(), rounds.end());
    return rounds;
  }

  absl::StatusOr<Digest> ModelDigest(const std::string& task,
                                     int64_t version) override {
    v1::GetModelRequest request;
    request.set_digest_prefix(absl::StrCat(task, "@", version));
    v1::ModelReport report;
    SHOAL_RETURN_IF_ERROR(Call(&v1::Admin::Stub::GetModel, request, report));
    return Digest::FromBytes(report.digest());
  }

  absl::StatusOr<std::string> DownloadModel(const Digest& digest) override {
    v1::DownloadModelRequest request;
    request.set_digest(std::string(digest.AsBytes()));
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
    auto reader = stub_->DownloadModel(&context, request);
    std::string bytes;
    v1::ModelChunk chunk;
    while (reader->Read(&chunk)) bytes += chunk.data();
    SHOAL_RETURN_IF_ERROR(client::FromGrpc(reader->Finish(), address_));
    if (Sha256(bytes) != digest) {
      return absl::DataLossError(absl::StrCat(
          "the downloaded model is not the one of digest ", digest.ToHex()));
    }
    return bytes;
  }

  absl::StatusOr<CoordinatorTraffic> Traffic() override {
    v1::StatusReport report;
    SHOAL_RETURN_IF_ERROR(
        Call(&v1::Admin::Stub::GetStatus, v1::GetStatusRequest(), report));
    return CoordinatorTraffic{static_cast<int64_t>(report.bytes_received()),
                              static_cast<int64_t>(report.bytes_sent())};
  }

  std::unique_ptr<Watch> WatchRounds(const std::string& task,
                                     std::function<void()> on_change) override {
    return std::make_unique<RoundWatch>(*stub_, task, std::move(on_change));
  }

 private:
  template <typename Request, typename Response>
  absl::Status Call(grpc::Status (v1::Admin::Stub::*method)(
                        grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallTimeout);
    return client::FromGrpc(
        (stub_.get()->*method)(&context, request, &response), address_);
  }

  const std::string address_;
  const std::unique_ptr<v1::Admin::Stub> stub_;
};

}  // namespace

std::unique_ptr<OperatorClient> OperatorClient::Connect(
    const std::string& address, const std::string& ca_pem,
    const protocol::KeyAndCertificate& operator_identity) {
  client::ChannelTls tls;
  tls.ca_pem = ca_pem;
  tls.key_pem = operator_identity.key_pem.Copy();
  tls.certificate_pem = operator_identity.certificate_pem;
  return std::make_unique<AdminClient>(address, &tls);
}

std::unique_ptr<OperatorClient> OperatorClient::ConnectInsecurely(
    const std::string& address) {
  return std::make_unique<AdminClient>(address, nullptr);
}

}  // namespace shoal::simulations
