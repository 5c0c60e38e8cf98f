// What the tests of the services share: a coordinator with one small task, and
// a device that speaks the protocol by hand.
#ifndef SHOAL_TESTS_COORDINATOR_SERVICE_SERVICE_FIXTURE_H_
#define SHOAL_TESTS_COORDINATOR_SERVICE_SERVICE_FIXTURE_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "base/digest.h"
#include "gtest/gtest.h"
#include "learning/update_codec.h"
#include "protocol/messages.h"
#include "protocol/refusal.h"
#include "protocol/wire.h"
#include "shoal/v1/admin.grpc.pb.h"
#include "shoal/v1/fleet.grpc.pb.h"
#include "tests/support/test_coordinator.h"

namespace shoal::testing {

inline absl::Status FromGrpc(const grpc::Status& status) {
  if (status.ok()) return absl::OkStatus();
  return protocol::StatusFromWire(
      static_cast<absl::StatusCode>(status.error_code()),
      status.error_message(), status.error_details());
}

inline std::optional<protocol::RefusalCode> RefusalCodeOf(
    const grpc::Status& status) {
  const auto refusal = protocol::RefusalOf(FromGrpc(status));
  if (!refusal.has_value()) return std::nullopt;
  return refusal->code;
}

// A logistic model of 3 inputs and 2 classes: 8 parameters.
inline constexpr int kNumParameters = 8;

inline v1::Task SmallTask(const std::string& name, int cohort, int rounds) {
  v1::Task task;
  task.set_name(name);
  task.set_population("phones");
  task.mutable_model()->mutable_logistic()->set_inputs(3);
  task.mutable_model()->mutable_logistic()->set_outputs(2);
  task.mutable_training()->set_learning_rate(0.1);
  task.mutable_round()->set_cohort(cohort);
  task.mutable_round()->set_min_reports(cohort);
  task.mutable_round()->set_over_selection(1);
  task.set_rounds(rounds);
  return task;
}

inline std::string Update(float value) {
  learning::UpdateReport report;
  report.num_examples = 10;
  report.num_steps = 1;
  return learning::EncodeUpdate(learning::UpdateCodec::kFloat32, report,
                                std::vector<float>(kNumParameters, value));
}

// Speaks the protocol step by step, so that tests can break any step.
class RawDevice {
 public:
  explicit RawDevice(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::Fleet::NewStub(channel)) {}

  v1::Fleet::Stub& stub() { return *stub_; }

  static v1::CheckInRequest Greeting() {
    v1::CheckInRequest request;
    request.mutable_protocol()->set_major(protocol::kProtocolVersion.major);
    request.mutable_protocol()->set_minor(protocol::kProtocolVersion.minor);
    request.set_population("phones");
    request.set_num_examples(10);
    request.set_sdk_version("test");
    request.add_update_codecs(1);
    return request;
  }

  grpc::Status CheckIn(const v1::CheckInRequest& request,
                       v1::CheckInResponse& response) {
    grpc::ClientContext context;
    return stub_->CheckIn(&context, request, &response);
  }

  // Asks until the coordinator has opened a round.
  v1::Assignment AwaitAssignment() {
    while (true) {
      v1::CheckInResponse response;
      const grpc::Status status = CheckIn(Greeting(), response);
      SHOAL_CHECK(status.ok());
      if (response.has_assignment()) return response.assignment();
      absl::SleepFor(absl::Milliseconds(5));
    }
  }

  static v1::UploadRequest Header(const std::string& token,
                                  const std::string& update) {
    v1::UploadRequest request;
    request.mutable_header()->set_token(token);
    request.mutable_header()->set_digest(std::string(Sha256(update).AsBytes()));
    request.mutable_header()->set_num_bytes(update.size());
    return request;
  }

  static v1::UploadRequest Chunk(uint64_t offset, const std::string& data) {
    v1::UploadRequest request;
    request.mutable_chunk()->set_offset(offset);
    request.mutable_chunk()->set_data(data);
    request.mutable_chunk()->set_crc32(Crc32(data));
    return request;
  }

  // Sends the parts, closes, and waits for the answer.
  grpc::Status Send(const std::vector<v1::UploadRequest>& parts,
                    v1::UploadReceipt& receipt) {
    grpc::ClientContext context;
    const auto stream = stub_->Upload(&context, &receipt);
    for (const v1::UploadRequest& part : parts) {
      if (!stream->Write(part)) break;  // the coordinator has answered
    }
    stream->WritesDone();
    return stream->Finish();
  }

  grpc::Status Upload(const std::string& token, const std::string& update,
                      v1::UploadReceipt& receipt) {
    return Send({Header(token, update), Chunk(0, update)}, receipt);
  }

  v1::QueryUploadResponse Query(const std::string& token,
                                const std::string& update) {
    v1::QueryUploadRequest request;
    request.set_token(token);
    request.set_digest(std::string(Sha256(update).AsBytes()));
    grpc::ClientContext context;
    v1::QueryUploadResponse response;
    SHOAL_CHECK(stub_->QueryUpload(&context, request, &response).ok());
    return response;
  }

  // Sends what the coordinator does not hold yet.
  grpc::Status Resume(const std::string& token, const std::string& update,
                      v1::UploadReceipt& receipt) {
    const v1::QueryUploadResponse held = Query(token, update);
    if (held.has_receipt()) {
      receipt = held.receipt();
      return grpc::Status::OK;
    }
    const uint64_t from = held.received_bytes();
    std::vector<v1::UploadRequest> parts = {Header(token, update)};
    parts[0].mutable_header()->set_offset(from);
    if (from < update.size()) {
      parts.push_back(Chunk(from, update.substr(from)));
    }
    return Send(parts, receipt);
  }

 private:
  const std::unique_ptr<v1::Fleet::Stub> stub_;
};

// An operator's side.
class RawOperator {
 public:
  explicit RawOperator(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::Admin::NewStub(channel)) {}

  v1::Admin::Stub& stub() { return *stub_; }

  template <typename Request, typename Response>
  grpc::Status Call(grpc::Status (v1::Admin::Stub::*method)(
                        grpc::ClientContext*, const Request&, Response*),
                    const Request& request, Response& response) {
    grpc::ClientContext context;
    return ((*stub_).*method)(&context, request, &response);
  }

  void CreateTask(const v1::Task& task) {
    v1::CreateTaskRequest request;
    *request.mutable_task() = task;
    v1::TaskReport report;
    const grpc::Status status =
        Call(&v1::Admin::Stub::CreateTask, request, report);
    SHOAL_CHECK(status.ok());
  }

  v1::TaskReport GetTask(const std::string& name) {
    v1::GetTaskRequest request;
    request.set_name(name);
    v1::TaskReport report;
    SHOAL_CHECK(Call(&v1::Admin::Stub::GetTask, request, report).ok());
    return report;
  }

 private:
  const std::unique_ptr<v1::Admin::Stub> stub_;
};

// A coordinator, an operator of it, and devices on demand.
class ServiceTest : public ::testing::Test {
 protected:
  RawDevice Device(absl::string_view name) const {
    return RawDevice(coordinator_.Connect(
        coordinator_.Issue(name, protocol::Role::kDevice)));
  }
  RawOperator Operator(const protocol::KeyAndCertificate& identity) const {
    return RawOperator(coordinator_.Connect(identity));
  }

  TestCoordinator coordinator_;
  RawOperator operator_ =
      Operator(coordinator_.Issue("admin", protocol::Role::kOperator));
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_COORDINATOR_SERVICE_SERVICE_FIXTURE_H_
