// What the benchmarks of the coordinator share: a deployment in a temporary
// folder, a shoald beside a bare gRPC server with the same TLS, and devices
// that speak the protocol but do not train.
#ifndef SHOAL_BENCH_FLEET_BENCH_H_
#define SHOAL_BENCH_FLEET_BENCH_H_

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/child_process.h"
#include "base/file.h"
#include "learning/model.h"
#include "protocol/certificates.h"
#include "shoal/v1/admin.grpc.pb.h"
#include "shoal/v1/fleet.grpc.pb.h"

namespace shoal::bench {

// Ends the process with the message unless the status is OK: a benchmark that
// cannot run has no result.
void OrDie(const absl::Status& status);
template <typename T>
T OrDie(absl::StatusOr<T> value) {
  OrDie(value.status());
  return *std::move(value);
}

// Certificates of one deployment.
class Deployment {
 public:
  Deployment();

  // PEM files of the coordinator, for its configuration.
  const std::string& folder() const { return folder_.path(); }
  std::shared_ptr<grpc::ChannelCredentials> OperatorCredentials() const;
  // A new device identity.
  std::shared_ptr<grpc::ChannelCredentials> DeviceCredentials(int index) const;

 private:
  std::shared_ptr<grpc::ChannelCredentials> Credentials(
      const protocol::KeyAndCertificate& leaf) const;

  TemporaryFolder folder_{"shoal-bench"};
  protocol::KeyAndCertificate ca_;
  protocol::KeyAndCertificate coordinator_;
  protocol::KeyAndCertificate operator_;
};

// A channel of its own (its own connection) to `address`.
std::shared_ptr<grpc::Channel> Connect(
    const std::string& address,
    const std::shared_ptr<grpc::ChannelCredentials>& credentials);

// Starts the shoald beside this program and waits until it serves.
struct Coordinator {
  std::unique_ptr<ChildProcess> process;
  std::string address;
};
Coordinator StartCoordinator(const Deployment& deployment);

// Starts this program again as a bare server (see RunBareServer).
Coordinator StartBareServer(const Deployment& deployment,
                            int64_t num_parameters);

// A gRPC server that streams a model of that size and reads uploads into
// nothing, behind the deployment's TLS. Writes its address to
// FOLDER/bare.json; never returns.
int RunBareServer(const std::string& folder, int64_t num_parameters);

// A task of a logistic model with that many parameters (a multiple of ten).
v1::Task MakeTask(const std::string& name, int64_t num_parameters, int cohort,
                  int64_t rounds);

// A device that does everything but train.
class LoadDevice {
 public:
  LoadDevice(std::shared_ptr<grpc::Channel> channel, int64_t num_parameters);

  // Sends the device's update under `token` and waits for the receipt.
  void Upload(const std::string& token);
  // Reads a model by digest (the bare server ignores it).
  int64_t Fetch(const std::string& digest);
  // Checks in until it gets an assignment, obeying retry_after.
  v1::Assignment AwaitAssignment(const std::string& population);

  int64_t update_bytes() const { return update_.size(); }

 private:
  std::unique_ptr<v1::Fleet::Stub> stub_;
  std::string update_;
  std::string digest_;
};

}  // namespace shoal::bench

#endif  // SHOAL_BENCH_FLEET_BENCH_H_
