// A real shoald in a process of its own, with a deployment around it, that
// tests kill and start again.
#ifndef SHOAL_TESTS_FAULTS_SHOALD_PROCESS_H_
#define SHOAL_TESTS_FAULTS_SHOALD_PROCESS_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/child_process.h"
#include "base/file.h"
#include "coordinator/engine/rows.h"
#include "protocol/certificates.h"
#include "shoal/v1/admin.grpc.pb.h"
#include "shoal/v1/fleet.grpc.pb.h"

namespace shoal::testing {

// One deployment on loopback. Thread-compatible; address() may be read from
// other threads while nothing restarts.
class ShoaldProcess {
 public:
  // Keeps its data below `data_parent`, or in a temporary folder when "".
  explicit ShoaldProcess(const std::string& data_parent = "");

  // Starts it, to die at `failpoint` ("NAME" or "NAME:COUNT"; "": nowhere),
  // and waits until it serves. The port stays the same over restarts.
  absl::Status Start(const std::string& failpoint = "");
  // Waits until it died of SIGKILL; false when it still runs after `timeout`.
  bool AwaitDeath(absl::Duration timeout);
  void Kill() { process_->Kill(); }
  // Takes effect with the next start; the operator still trusts the old one.
  void TakeNewCa();
  // SIGTERM; its exit code.
  absl::StatusOr<int> Stop();
  bool running() { return !process_->Poll().has_value(); }

  const std::string& address() const { return address_; }
  std::string database() const { return data_ + "/shoal.db"; }
  const std::string& data() const { return data_; }
  std::string Log() const { return TailOfFile(log_, 200); }
  const protocol::KeyAndCertificate& ca() const { return ca_; }
  // Of an operator, for `shoalctl --credentials`.
  std::string credentials() const { return folder_.path() + "/operator"; }

  std::shared_ptr<grpc::Channel> OperatorChannel() const;
  std::shared_ptr<grpc::Channel> DeviceChannel(
      const protocol::KeyAndCertificate& device) const;

  absl::Status CreateTask(const v1::Task& task);
  absl::StatusOr<v1::TaskReport> GetTask(const std::string& name);
  // Waits until the task is completed, starting shoald again (without a
  // failpoint) whenever it has died.
  absl::Status AwaitCompletion(const std::string& task, absl::Duration timeout);

 private:
  void WriteCredentials(const std::string& folder,
                        const protocol::KeyAndCertificate& leaf) const;

  TemporaryFolder folder_{"shoal-faults"};
  std::string data_;
  std::string log_;
  std::string config_;
  std::string address_ = "127.0.0.1:0";
  protocol::KeyAndCertificate ca_;
  protocol::KeyAndCertificate operator_;
  std::unique_ptr<ChildProcess> process_;
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_FAULTS_SHOALD_PROCESS_H_
