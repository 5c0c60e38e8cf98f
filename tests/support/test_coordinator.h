// A whole coordinator inside the test's process, on loopback, with a CA of its
// own and credentials for devices and operators. Link
// shoal::coordinator_service and shoal::coordinator_store_memory (or _sqlite).
//
//   TestCoordinator coordinator;
//   auto stub = v1::Fleet::NewStub(
//       coordinator.Connect(coordinator.Issue("phone", Role::kDevice)));
#ifndef SHOAL_TESTS_SUPPORT_TEST_COORDINATOR_H_
#define SHOAL_TESTS_SUPPORT_TEST_COORDINATOR_H_

#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/check.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/logging.h"
#include "base/random.h"
#include "configuration/programs.h"
#include "coordinator/service/authenticator.h"
#include "coordinator/service/coordinator_server.h"
#include "coordinator/store/memory_store.h"
#include "protocol/certificates.h"

namespace shoal::testing {

// Certificates of one deployment, valid for a day from now.
class TestCa {
 public:
  TestCa() : ca_(*protocol::MakeCa("test CA", absl::Now(), kLifetime)) {}

  const protocol::KeyAndCertificate& ca() const { return ca_; }

  protocol::KeyAndCertificate Issue(absl::string_view name,
                                    protocol::Role role) const {
    return *protocol::Issue(ca_, name, role, {"localhost", "127.0.0.1"},
                            absl::Now(), kLifetime);
  }

  // Writes ca.pem, certificate.pem and key.pem into the folder.
  void WriteCredentials(const std::string& folder,
                        const protocol::KeyAndCertificate& leaf) const {
    SHOAL_CHECK(MakeFolders(folder, 0700).ok());
    Write(folder + "/ca.pem", ca_.certificate_pem);
    Write(folder + "/certificate.pem", leaf.certificate_pem);
    Write(folder + "/key.pem", leaf.key_pem.Reveal());
  }

  // Writes the coordinator's files into the folder.
  configuration::TlsFiles WriteTlsFiles(const std::string& folder) const {
    WriteCredentials(folder,
                     Issue("coordinator", protocol::Role::kCoordinator));
    Write(folder + "/ca.key", ca_.key_pem.Reveal());
    return {folder + "/ca.pem", folder + "/certificate.pem",
            folder + "/key.pem"};
  }

  std::shared_ptr<grpc::ChannelCredentials> Credentials(
      const protocol::KeyAndCertificate& leaf) const {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = ca_.certificate_pem;
    ssl.pem_cert_chain = leaf.certificate_pem;
    ssl.pem_private_key = std::string(leaf.key_pem.Reveal());
    return grpc::SslCredentials(ssl);
  }

  // For callers who have no certificate yet.
  std::shared_ptr<grpc::ChannelCredentials> AnonymousCredentials() const {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = ca_.certificate_pem;
    return grpc::SslCredentials(ssl);
  }

 private:
  static constexpr absl::Duration kLifetime = absl::Hours(24);

  static void Write(const std::string& path, absl::string_view contents) {
    SHOAL_CHECK(WriteFileAtomically(path, contents, 0600).ok());
  }

  const protocol::KeyAndCertificate ca_;
};

struct TestCoordinatorOptions {
  bool insecure = false;
  bool http = false;                               // with the HTTP port
  std::unique_ptr<coordinator::RoundStore> store;  // null: in memory
  configuration::CoordinatorConfig config;  // addresses and files are set
  const Clock* clock = nullptr;  // null: the real one; must outlive it all
};

class TestCoordinator {
 public:
  // CHECK-fails when it does not start.
  explicit TestCoordinator(TestCoordinatorOptions options = {})
      : insecure_(options.insecure) {
    configuration::CoordinatorConfig& config = options.config;
    config.listen = "127.0.0.1:0";
    config.http_listen = options.http ? "127.0.0.1:0" : "";
    config.data = folder_.path() + "/data";
    if (!insecure_) {
      config.tls = ca_.WriteTlsFiles(folder_.path() + "/tls");
      config.enrollment_ca_key = folder_.path() + "/tls/ca.key";
    }
    if (options.store == nullptr) {
      options.store = coordinator::MakeMemoryStore();
    }
    auto server = coordinator::CoordinatorServer::Start(
        config, {log_, options.clock != nullptr ? *options.clock : clock_, rng_,
                 std::move(options.store), insecure_});
    SHOAL_CHECK(server.ok());
    server_ = *std::move(server);
  }

  coordinator::CoordinatorServer& server() { return *server_; }
  coordinator::RoundStore& store() { return server_->store(); }
  std::string address() const { return server_->grpc_address(); }
  const TestCa& ca() const { return ca_; }
  // For files of the test.
  const std::string& folder() const { return folder_.path(); }

  protocol::KeyAndCertificate Issue(absl::string_view name,
                                    protocol::Role role) const {
    return ca_.Issue(name, role);
  }

  // Channels with a connection of their own.
  std::shared_ptr<grpc::Channel> Connect(
      const protocol::KeyAndCertificate& leaf) const {
    return ConnectWith(ca_.Credentials(leaf));
  }
  std::shared_ptr<grpc::Channel> ConnectAnonymously() const {
    return ConnectWith(insecure_ ? grpc::InsecureChannelCredentials()
                                 : ca_.AnonymousCredentials());
  }
  std::shared_ptr<grpc::Channel> ConnectWith(
      const std::shared_ptr<grpc::ChannelCredentials>& credentials) const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    return grpc::CreateCustomChannel(address(), credentials, arguments);
  }

  // Graceful, as at SIGTERM.
  void Shutdown() { server_->Shutdown(absl::Seconds(5)); }

 private:
  const bool insecure_;
  const TemporaryFolder folder_{"shoal-test"};
  const TestCa ca_;
  NullLogger log_;
  RealClock clock_;
  SystemRng rng_;
  std::unique_ptr<coordinator::CoordinatorServer> server_;
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_TEST_COORDINATOR_H_
