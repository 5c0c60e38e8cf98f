#include "client/transport/grpc_transport.h"

#include <thread>

#include "absl/time/clock.h"
#include "protocol/certificates.h"
#include "tests/client/transport/fleet_server.h"
#include "tests/support/transport_conformance.h"

namespace shoal::testing {
namespace {

using client::ChannelTls;
using client::GrpcTransportOptions;
using client::MakeGrpcTransport;
using client::Transport;
using ::testing::AllOf;
using ::testing::HasSubstr;

// A deployment: its CA, a coordinator on 127.0.0.1, and a device.
struct Certificates {
  protocol::KeyAndCertificate ca;
  protocol::KeyAndCertificate coordinator;
  protocol::KeyAndCertificate device;
};

Certificates MakeCertificates(const std::string& host = "127.0.0.1") {
  const absl::Time now = absl::Now();
  const absl::Duration hour = absl::Hours(1);
  Certificates made;
  made.ca = *protocol::MakeCa("test", now, hour);
  made.coordinator = *protocol::Issue(
      made.ca, "coordinator", protocol::Role::kCoordinator, {host}, now, hour);
  made.device = *protocol::Issue(made.ca, "device", protocol::Role::kDevice, {},
                                 now, hour);
  return made;
}

GrpcTransportOptions OptionsFor(const FleetServer& server,
                                const Certificates& certificates) {
  GrpcTransportOptions options;
  options.coordinator = server.address();
  options.tls = ChannelTls{certificates.ca.certificate_pem,
                           certificates.device.key_pem.Copy(),
                           certificates.device.certificate_pem};
  return options;
}

GrpcTransportOptions PlaintextOptions(const FleetServer& server) {
  GrpcTransportOptions options;
  options.coordinator = server.address();
  options.insecure_device = "device-1";
  return options;
}

class GrpcCoordinator final : public TransportCoordinator {
 public:
  explicit GrpcCoordinator(bool tls) : tls_(tls) {
    server_ = std::make_unique<FleetServer>(
        service_, tls ? &certificates_.coordinator : nullptr,
        certificates_.ca.certificate_pem);
  }
  std::unique_ptr<Transport> Connect() override {
    return MakeGrpcTransport(tls_ ? OptionsFor(*server_, certificates_)
                                  : PlaintextOptions(*server_));
  }
  std::string population() const override { return FakeFleet::kPopulation; }

 private:
  const bool tls_;
  const Certificates certificates_ = MakeCertificates();
  FakeFleet fleet_;
  FleetService service_{fleet_};
  std::unique_ptr<FleetServer> server_;
};

INSTANTIATE_TEST_SUITE_P(MutualTls, TransportConformanceTest,
                         ::testing::Values([] {
                           return std::make_unique<GrpcCoordinator>(true);
                         }));
INSTANTIATE_TEST_SUITE_P(Plaintext, TransportConformanceTest,
                         ::testing::Values([] {
                           return std::make_unique<GrpcCoordinator>(false);
                         }));

// A plan whose update takes several chunks.
protocol::Plan LargePlan() {
  protocol::Plan plan = SmallPlan();
  plan.model.architecture = learning::LogisticSpec{20'000, 10};
  return plan;
}

protocol::CheckIn Greeting() {
  protocol::CheckIn message;
  message.population = FakeFleet::kPopulation;
  return message;
}

class GrpcTransportTest : public ::testing::Test {
 protected:
  protocol::UploadHeader Assign(Transport& transport) {
    const auto answer = CheckIn(transport, Greeting());
    EXPECT_THAT(answer, IsOk());
    return {std::get<protocol::Assignment>(answer->answer).token,
            Sha256(update_), static_cast<int64_t>(update_.size()), 0};
  }

  const std::string update_ = std::string(700'000, 'u');
  FakeFleet fleet_{LargePlan()};
  FleetService service_{fleet_};
};

TEST_F(GrpcTransportTest, ChunksArriveInOrderAndWithinTheBound) {
  FleetServer server(service_, nullptr);
  const auto transport = MakeGrpcTransport(PlaintextOptions(server));
  SHOAL_ASSERT_OK(Upload(*transport, Assign(*transport), update_));
  int64_t next = 0;
  for (const SeenChunk& chunk : service_.chunks()) {
    EXPECT_EQ(chunk.offset, next);
    EXPECT_LE(chunk.num_bytes, protocol::kMaxChunkBytes);
    next += chunk.num_bytes;
  }
  EXPECT_EQ(next, 700'000);
  EXPECT_THAT(fleet_.counted(), ::testing::ElementsAre(update_));
}

TEST_F(GrpcTransportTest, UploadGoesOnFromAnOffset) {
  FleetServer server(service_, nullptr);
  const auto transport = MakeGrpcTransport(PlaintextOptions(server));
  protocol::UploadHeader header = Assign(*transport);
  SHOAL_ASSERT_OK(
      fleet_.AppendUpload(header.token, 0, update_.substr(0, 300'000)));
  header.offset = 300'000;
  SHOAL_ASSERT_OK(Upload(*transport, header, update_));
  EXPECT_EQ(service_.chunks().front().offset, 300'000);
  EXPECT_EQ(transport->bytes_sent(), 400'000);
}

TEST_F(GrpcTransportTest, UploadOfWhatIsHeldWholeGetsItsReceipt) {
  FleetServer server(service_, nullptr);
  const auto transport = MakeGrpcTransport(PlaintextOptions(server));
  protocol::UploadHeader header = Assign(*transport);
  SHOAL_ASSERT_OK(fleet_.AppendUpload(header.token, 0, update_));
  header.offset = header.num_bytes;
  SHOAL_ASSERT_OK_AND_ASSIGN(const protocol::UploadReceipt receipt,
                             Upload(*transport, header, update_));
  EXPECT_EQ(receipt.digest, header.digest);
}

TEST_F(GrpcTransportTest, PlaintextNamesTheDevice) {
  FleetServer server(service_, nullptr);
  const auto transport = MakeGrpcTransport(PlaintextOptions(server));
  SHOAL_ASSERT_OK(CheckIn(*transport, Greeting()));
  EXPECT_EQ(service_.insecure_device(), "device-1");
}

TEST_F(GrpcTransportTest, SilentCoordinatorIsUnavailableAfterTheWindow) {
  service_.set_silent_check_in();
  FleetServer server(service_, nullptr);
  GrpcTransportOptions options = PlaintextOptions(server);
  options.idle_window = absl::Milliseconds(50);
  const auto transport = MakeGrpcTransport(std::move(options));
  EXPECT_THAT(CheckIn(*transport, Greeting()),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr(server.address()),
                             HasSubstr("nothing has moved for 50 ms"))));
}

TEST_F(GrpcTransportTest, CancelEndsAWaitForTheReceipt) {
  service_.set_silent_receipt();
  FleetServer server(service_, nullptr);
  const auto transport = MakeGrpcTransport(PlaintextOptions(server));
  const protocol::UploadHeader header = Assign(*transport);
  std::thread canceller([&] {
    service_.AwaitChunk();
    transport->Cancel();
  });
  EXPECT_THAT(Upload(*transport, header, update_),
              StatusIs(absl::StatusCode::kCancelled));
  canceller.join();
}

TEST_F(GrpcTransportTest, AbsentCoordinatorIsUnavailable) {
  GrpcTransportOptions options;
  {
    FleetServer server(service_, nullptr);
    options = PlaintextOptions(server);
  }
  const std::string address = options.coordinator;
  const auto transport = MakeGrpcTransport(std::move(options));
  EXPECT_THAT(CheckIn(*transport, Greeting()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(address)));
}

TEST_F(GrpcTransportTest, CoordinatorOfAnotherCaIsNamed) {
  const Certificates ours = MakeCertificates();
  const Certificates theirs = MakeCertificates();
  FleetServer server(service_, &theirs.coordinator, theirs.ca.certificate_pem);
  const auto transport = MakeGrpcTransport(OptionsFor(server, ours));
  EXPECT_THAT(CheckIn(*transport, Greeting()),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("certificate of coordinator"),
                             HasSubstr("is not signed by"))));
}

TEST_F(GrpcTransportTest, CoordinatorWithoutTlsIsNamed) {
  FleetServer server(service_, nullptr);
  const auto transport =
      MakeGrpcTransport(OptionsFor(server, MakeCertificates()));
  EXPECT_THAT(CheckIn(*transport, Greeting()),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("does not speak TLS")));
}

TEST_F(GrpcTransportTest, CoordinatorOfAnotherNameIsNamed) {
  const Certificates certificates = MakeCertificates("elsewhere.example.org");
  FleetServer server(service_, &certificates.coordinator,
                     certificates.ca.certificate_pem);
  const auto transport = MakeGrpcTransport(OptionsFor(server, certificates));
  EXPECT_THAT(CheckIn(*transport, Greeting()),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("is not valid for the name")));
}

}  // namespace
}  // namespace shoal::testing
