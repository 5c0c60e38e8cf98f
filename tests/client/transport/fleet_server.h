// A FakeFleet behind a real gRPC server on the loopback interface.
#ifndef SHOAL_TESTS_CLIENT_TRANSPORT_FLEET_SERVER_H_
#define SHOAL_TESTS_CLIENT_TRANSPORT_FLEET_SERVER_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "protocol/certificates.h"
#include "shoal/v1/fleet.grpc.pb.h"
#include "tests/support/fake_fleet.h"

namespace shoal::testing {

// What a Fleet service sees of an upload.
struct SeenChunk {
  int64_t offset = 0;
  int64_t num_bytes = 0;
};

class FleetService final : public v1::Fleet::Service {
 public:
  explicit FleetService(FakeFleet& fleet) : fleet_(fleet) {}

  // From now on check-ins, or receipts, are not answered until the caller goes
  // away.
  void set_silent_check_in() { silent_check_in_ = true; }
  void set_silent_receipt() { silent_receipt_ = true; }
  // Enrolment signs with this CA and takes the invitation "welcome".
  void set_enrollment_ca(protocol::KeyAndCertificate ca) {
    ca_ = std::move(ca);
  }

  // Wait until the first such call has come.
  void AwaitCheckIn() SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!saw_check_in_) changed_.Wait(mutex_);
  }
  void AwaitFetch() SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (!saw_fetch_) changed_.Wait(mutex_);
  }
  void AwaitChunk() SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    while (chunks_.empty()) changed_.Wait(mutex_);
  }

  std::vector<SeenChunk> chunks() const {
    MutexLock lock(mutex_);
    return chunks_;
  }
  // The device named in the plaintext calls' metadata.
  std::string insecure_device() const {
    MutexLock lock(mutex_);
    return insecure_device_;
  }

  grpc::Status Enroll(grpc::ServerContext* context,
                      const v1::EnrollRequest* request,
                      v1::EnrollResponse* response) override;
  grpc::Status CheckIn(grpc::ServerContext* context,
                       const v1::CheckInRequest* request,
                       v1::CheckInResponse* response) override;
  grpc::Status FetchModel(grpc::ServerContext* context,
                          const v1::FetchModelRequest* request,
                          grpc::ServerWriter<v1::ModelChunk>* writer) override;
  grpc::Status QueryUpload(grpc::ServerContext* context,
                           const v1::QueryUploadRequest* request,
                           v1::QueryUploadResponse* response) override;
  grpc::Status Upload(grpc::ServerContext* context,
                      grpc::ServerReader<v1::UploadRequest>* reader,
                      v1::UploadReceipt* response) override;
  grpc::Status Aggregate(grpc::ServerContext* context,
                         const v1::AggregateRequest* request,
                         v1::AggregateResponse* response) override;
  grpc::Status Abandon(grpc::ServerContext* context,
                       const v1::AbandonRequest* request,
                       v1::AbandonResponse* response) override;
  grpc::Status Forget(grpc::ServerContext* context,
                      const v1::ForgetRequest* request,
                      v1::ForgetResponse* response) override;

 private:
  FakeFleet& fleet_;
  bool silent_check_in_ = false;
  bool silent_receipt_ = false;
  std::optional<protocol::KeyAndCertificate> ca_;
  mutable Mutex mutex_;
  CondVar changed_;
  bool saw_check_in_ SHOAL_GUARDED_BY(mutex_) = false;
  bool saw_fetch_ SHOAL_GUARDED_BY(mutex_) = false;
  std::vector<SeenChunk> chunks_ SHOAL_GUARDED_BY(mutex_);
  std::string insecure_device_ SHOAL_GUARDED_BY(mutex_);
};

// Serves until it dies.
class FleetServer {
 public:
  // `tls`: key and certificate of the coordinator; null for plaintext.
  FleetServer(FleetService& service, const protocol::KeyAndCertificate* tls,
              const std::string& client_ca_pem = "");
  ~FleetServer();

  std::string address() const;

 private:
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_CLIENT_TRANSPORT_FLEET_SERVER_H_
