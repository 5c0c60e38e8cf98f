// What both transports do over a network, with a real gRPC server at the other
// end.
#include <thread>

#include "absl/time/clock.h"
#include "base/host_port.h"
#include "client/transport/grpc_transport.h"
#include "client/transport/lean/channel.h"
#include "client/transport/lean/tls.h"
#include "client/transport/lean_transport.h"
#include "protocol/certificates.h"
#include "tests/client/transport/fleet_server.h"
#include "tests/support/aggregate_conformance.h"
#include "tests/support/transport_conformance.h"

namespace shoal::testing {
namespace {

using client::ChannelTls;
using client::Transport;
using client::TransportOptions;
using ::testing::AllOf;
using ::testing::HasSubstr;

using MakeTransport = std::unique_ptr<Transport> (*)(TransportOptions);

std::unique_ptr<Transport> MakeGrpc(TransportOptions options) {
  auto transport = client::MakeGrpcTransport(std::move(options));
  EXPECT_THAT(transport, IsOk());
  return *std::move(transport);
}

std::unique_ptr<Transport> MakeLean(TransportOptions options) {
  auto transport = client::MakeLeanTransport(std::move(options));
  EXPECT_THAT(transport, IsOk());
  return *std::move(transport);
}

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

TransportOptions OptionsFor(const FleetServer& server,
                            const Certificates& certificates) {
  TransportOptions options;
  options.coordinator = server.address();
  options.tls = ChannelTls{certificates.ca.certificate_pem,
                           certificates.device.key_pem.Copy(),
                           certificates.device.certificate_pem};
  return options;
}

TransportOptions PlaintextOptions(const FleetServer& server) {
  TransportOptions options;
  options.coordinator = server.address();
  options.insecure_device = "device-1";
  return options;
}

class NetworkCoordinator final : public TransportCoordinator {
 public:
  NetworkCoordinator(MakeTransport make, bool tls) : make_(make), tls_(tls) {
    server_ = std::make_unique<FleetServer>(
        service_, tls ? &certificates_.coordinator : nullptr,
        certificates_.ca.certificate_pem);
  }
  std::unique_ptr<Transport> Connect() override {
    return make_(tls_ ? OptionsFor(*server_, certificates_)
                      : PlaintextOptions(*server_));
  }
  std::string population() const override { return FakeFleet::kPopulation; }

 private:
  const MakeTransport make_;
  const bool tls_;
  const Certificates certificates_ = MakeCertificates();
  FakeFleet fleet_;
  FleetService service_{fleet_};
  std::unique_ptr<FleetServer> server_;
};

// Coordinators for `make`, with TLS and without.
auto Coordinators(MakeTransport make) {
  return ::testing::Values(
      [make] { return std::make_unique<NetworkCoordinator>(make, true); },
      [make] { return std::make_unique<NetworkCoordinator>(make, false); });
}
std::string SecurityName(
    const ::testing::TestParamInfo<TransportCoordinatorFactory>& info) {
  return info.index == 0 ? "MutualTls" : "Plaintext";
}
INSTANTIATE_TEST_SUITE_P(Grpc, TransportConformanceTest, Coordinators(MakeGrpc),
                         SecurityName);
INSTANTIATE_TEST_SUITE_P(Lean, TransportConformanceTest, Coordinators(MakeLean),
                         SecurityName);

class NetworkGroups final : public GroupCoordinator {
 public:
  NetworkGroups(MakeTransport make, bool tls) : make_(make), tls_(tls) {
    fleet_.set_aggregate([this](const protocol::AggregateRequest& request) {
      return group().Answer(request);
    });
    server_ = std::make_unique<FleetServer>(
        service_, tls ? &certificates_.coordinator : nullptr,
        certificates_.ca.certificate_pem);
  }
  std::unique_ptr<Transport> Connect() override {
    return make_(tls_ ? OptionsFor(*server_, certificates_)
                      : PlaintextOptions(*server_));
  }

 private:
  const MakeTransport make_;
  const bool tls_;
  const Certificates certificates_ = MakeCertificates();
  FakeFleet fleet_;
  FleetService service_{fleet_};
  std::unique_ptr<FleetServer> server_;
};

auto Groups(MakeTransport make) {
  return ::testing::Values(
      [make] { return std::make_unique<NetworkGroups>(make, true); },
      [make] { return std::make_unique<NetworkGroups>(make, false); });
}
std::string GroupsName(
    const ::testing::TestParamInfo<GroupCoordinatorFactory>& info) {
  return info.index == 0 ? "MutualTls" : "Plaintext";
}
INSTANTIATE_TEST_SUITE_P(Grpc, AggregateConformanceTest, Groups(MakeGrpc),
                         GroupsName);
INSTANTIATE_TEST_SUITE_P(Lean, AggregateConformanceTest, Groups(MakeLean),
                         GroupsName);

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

class NetworkTransportTest : public ::testing::TestWithParam<MakeTransport> {
 protected:
  static std::unique_ptr<Transport> Make(TransportOptions options) {
    return GetParam()(std::move(options));
  }
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

TEST_P(NetworkTransportTest, ChunksArriveInOrderAndWithinTheBound) {
  FleetServer server(service_, nullptr);
  const auto transport = Make(PlaintextOptions(server));
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

TEST_P(NetworkTransportTest, UploadGoesOnFromAnOffset) {
  FleetServer server(service_, nullptr);
  const auto transport = Make(PlaintextOptions(server));
  protocol::UploadHeader header = Assign(*transport);
  SHOAL_ASSERT_OK(
      fleet_.AppendUpload(header.token, 0, update_.substr(0, 300'000)));
  header.offset = 300'000;
  SHOAL_ASSERT_OK(Upload(*transport, header, update_));
  EXPECT_EQ(service_.chunks().front().offset, 300'000);
  EXPECT_EQ(transport->bytes_sent(), 400'000);
}

TEST_P(NetworkTransportTest, UploadOfWhatIsHeldWholeGetsItsReceipt) {
  FleetServer server(service_, nullptr);
  const auto transport = Make(PlaintextOptions(server));
  protocol::UploadHeader header = Assign(*transport);
  SHOAL_ASSERT_OK(fleet_.AppendUpload(header.token, 0, update_));
  header.offset = header.num_bytes;
  SHOAL_ASSERT_OK_AND_ASSIGN(const protocol::UploadReceipt receipt,
                             Upload(*transport, header, update_));
  EXPECT_EQ(receipt.digest, header.digest);
}

TEST_P(NetworkTransportTest, PlaintextNamesTheDevice) {
  FleetServer server(service_, nullptr);
  const auto transport = Make(PlaintextOptions(server));
  SHOAL_ASSERT_OK(CheckIn(*transport, Greeting()));
  EXPECT_EQ(service_.insecure_device(), "device-1");
}

TEST_P(NetworkTransportTest, EnrolmentBringsACertificate) {
  const Certificates certificates = MakeCertificates();
  service_.set_enrollment_ca(
      {certificates.ca.key_pem.Copy(), certificates.ca.certificate_pem});
  FleetServer server(service_, &certificates.coordinator,
                     certificates.ca.certificate_pem);
  TransportOptions options = OptionsFor(server, certificates);
  options.tls->key_pem = Secret();
  const auto transport = Make(std::move(options));
  client::EnrollCall call = {
      "welcome", *protocol::MakeRequest(certificates.device.key_pem, "kitchen"),
      "kitchen"};
  SHOAL_ASSERT_OK_AND_ASSIGN(const client::Enrolled enrolled,
                             PerformFor<client::Enrolled>(*transport, call));
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto identity,
                             protocol::ReadIdentity(enrolled.certificate_pem));
  EXPECT_EQ(identity.name, "kitchen");
  call.invitation = "forged";
  const auto refusal = protocol::RefusalOf(
      PerformFor<client::Enrolled>(*transport, call).status());
  ASSERT_TRUE(refusal.has_value());
  EXPECT_EQ(refusal->code, protocol::RefusalCode::kInvitationInvalid);
}

TEST_P(NetworkTransportTest, SilentCoordinatorIsUnavailableAfterTheWindow) {
  service_.set_silent_check_in();
  FleetServer server(service_, nullptr);
  TransportOptions options = PlaintextOptions(server);
  options.idle_window = absl::Milliseconds(50);
  const auto transport = Make(std::move(options));
  EXPECT_THAT(CheckIn(*transport, Greeting()),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr(server.address()),
                             HasSubstr("nothing has moved for 50 ms"))));
}

// Nothing moves while a group waits for its members, as for a receipt.
TEST_P(NetworkTransportTest, CallOfAGroupMayBeHeldForLongerThanTheWindow) {
  ScriptedGroup group;
  fleet_.set_aggregate([&](const protocol::AggregateRequest& request) {
    return group.Answer(request);
  });
  FleetServer server(service_, nullptr);
  TransportOptions options = PlaintextOptions(server);
  options.idle_window = absl::Milliseconds(100);
  const auto transport = Make(std::move(options));
  group.Hold();
  std::thread releaser([&] {
    absl::SleepFor(absl::Milliseconds(400));
    group.Release();
  });
  EXPECT_THAT(PerformFor<protocol::AggregateAnswer>(
                  *transport, client::AggregateCall{{"token", {}, "message"}}),
              IsOk());
  releaser.join();
}

TEST_P(NetworkTransportTest, CancelEndsAWaitForTheReceipt) {
  service_.set_silent_receipt();
  FleetServer server(service_, nullptr);
  const auto transport = Make(PlaintextOptions(server));
  const protocol::UploadHeader header = Assign(*transport);
  std::thread canceller([&] {
    service_.AwaitChunk();
    transport->Cancel();
  });
  EXPECT_THAT(Upload(*transport, header, update_),
              StatusIs(absl::StatusCode::kCancelled));
  canceller.join();
}

TEST_P(NetworkTransportTest, AbsentCoordinatorIsUnavailable) {
  TransportOptions options;
  {
    FleetServer server(service_, nullptr);
    options = PlaintextOptions(server);
  }
  const std::string address = options.coordinator;
  const auto transport = Make(std::move(options));
  EXPECT_THAT(CheckIn(*transport, Greeting()),
              StatusIs(absl::StatusCode::kUnavailable, HasSubstr(address)));
}

TEST_P(NetworkTransportTest, CoordinatorOfAnotherCaIsNamed) {
  const Certificates ours = MakeCertificates();
  const Certificates theirs = MakeCertificates();
  FleetServer server(service_, &theirs.coordinator, theirs.ca.certificate_pem);
  const auto transport = Make(OptionsFor(server, ours));
  EXPECT_THAT(CheckIn(*transport, Greeting()),
              StatusIs(absl::StatusCode::kUnavailable,
                       AllOf(HasSubstr("certificate of coordinator"),
                             HasSubstr("is not signed by"))));
}

TEST_P(NetworkTransportTest, CoordinatorWithoutTlsIsNamed) {
  FleetServer server(service_, nullptr);
  const auto transport = Make(OptionsFor(server, MakeCertificates()));
  EXPECT_THAT(CheckIn(*transport, Greeting()),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("does not speak TLS")));
}

TEST_P(NetworkTransportTest, CoordinatorOfAnotherNameIsNamed) {
  const Certificates certificates = MakeCertificates("elsewhere.example.org");
  FleetServer server(service_, &certificates.coordinator,
                     certificates.ca.certificate_pem);
  const auto transport = Make(OptionsFor(server, certificates));
  EXPECT_THAT(CheckIn(*transport, Greeting()),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("is not valid for the name")));
}

// Two round trips and both certificates less for every session after the first.
TEST(LeanTlsTest, CoordinatorResumesTheLastConnection) {
  const Certificates certificates = MakeCertificates();
  FakeFleet fleet;
  FleetService service(fleet);
  FleetServer server(service, &certificates.coordinator,
                     certificates.ca.certificate_pem);
  const TransportOptions options = OptionsFor(server, certificates);
  const auto tls = client::lean::TlsContext::Create(*options.tls).value();
  client::lean::Channel channel(
      {.coordinator = *ParseHostPort(server.address()), .tls = tls.get()});
  for (int i = 0; i < 3; ++i) {
    client::lean::GrpcCall call(
        1000, {[](absl::string_view) { return absl::OkStatus(); }, {}});
    call.Send("");
    call.CloseSending();
    channel.Start({.path = "/shoal.v1.Fleet/CheckIn",
                   .authority = server.address(),
                   .metadata = {}},
                  call,
                  {.window = absl::Seconds(20),
                   .window_after_sending = absl::Seconds(20)});
    std::optional<absl::Status> ended;
    while (!ended.has_value()) ended = channel.Step(absl::InfiniteDuration());
    SHOAL_ASSERT_OK(*ended);
    channel.Close();
    EXPECT_EQ(tls->resumed(), i);
  }
}

INSTANTIATE_TEST_SUITE_P(Transports, NetworkTransportTest,
                         ::testing::Values(MakeGrpc, MakeLean),
                         [](const auto& info) {
                           return info.index == 0 ? "Grpc" : "Lean";
                         });

}  // namespace
}  // namespace shoal::testing
