// A connection that many share carries each one's calls as one of its own does.
#include "simulations/load/shared_transport.h"

#include <memory>
#include <string>
#include <vector>

#include "client/transport/grpc_channel.h"
#include "gtest/gtest.h"
#include "simulations/load/measured_transport.h"
#include "tests/client/transport/fleet_server.h"
#include "tests/support/status_matchers.h"
#include "tests/support/transport_conformance.h"

namespace shoal::testing {
namespace {

using simulations::CallKind;
using simulations::CallLog;
using simulations::CallLoop;
using simulations::SharedTransport;
using ::testing::HasSubstr;

class SharedCoordinator final : public TransportCoordinator {
 public:
  std::unique_ptr<client::Transport> Connect() override {
    return ConnectAs("device-1");
  }
  std::unique_ptr<SharedTransport> ConnectAs(
      const std::string& device, std::function<void()> on_event = {},
      absl::Duration idle_window = absl::Seconds(30)) {
    return std::make_unique<SharedTransport>(
        simulations::SharedTransportOptions{.stub = stub_.get(),
                                            .loop = &loop_,
                                            .coordinator = server_.address(),
                                            .device = device,
                                            .idle_window = idle_window,
                                            .on_event = std::move(on_event)});
  }
  std::string population() const override { return FakeFleet::kPopulation; }

  CallLoop& loop() { return loop_; }
  FleetService& service() { return service_; }

 private:
  FakeFleet fleet_;
  FleetService service_{fleet_};
  FleetServer server_{service_, nullptr, ""};
  CallLoop loop_;
  const std::unique_ptr<v1::Fleet::Stub> stub_ = v1::Fleet::NewStub(
      client::MakeChannel(server_.address(), /*tls=*/nullptr));
};

INSTANTIATE_TEST_SUITE_P(Shared, TransportConformanceTest,
                         ::testing::Values([] {
                           return std::make_unique<SharedCoordinator>();
                         }));

client::CheckInCall Greeting() {
  protocol::CheckIn message;
  message.population = FakeFleet::kPopulation;
  message.num_examples = 10;
  message.sdk_version = "test";
  message.codecs = {learning::UpdateCodec::kFloat32};
  return {message};
}

TEST(SharedTransportTest, DeviceNamesItself) {
  SharedCoordinator coordinator;
  const auto transport = coordinator.ConnectAs("device-7");
  EXPECT_THAT(client::Perform(*transport, Greeting()), IsOk());
  EXPECT_EQ(coordinator.service().insecure_device(), "device-7");
}

TEST(SharedTransportTest, CallsOfManyAreUnderWayAtTheSameTime) {
  SharedCoordinator coordinator;
  int events = 0;
  std::vector<std::unique_ptr<SharedTransport>> transports;
  for (int i = 0; i < 20; ++i) {
    transports.push_back(coordinator.ConnectAs(absl::StrCat("device-", i),
                                               [&events] { ++events; }));
    transports.back()->Start(Greeting());
    EXPECT_TRUE(transports.back()->is_waiting());
  }
  for (int turn = 0; turn < 1000 && events < 20; ++turn) {
    coordinator.loop().Turn(absl::Seconds(10));
  }
  for (const auto& transport : transports) {
    EXPECT_FALSE(transport->is_waiting());
    const auto answer = transport->Step(absl::ZeroDuration());
    ASSERT_TRUE(answer.has_value());
    EXPECT_THAT(*answer, IsOk());
  }
}

TEST(SharedTransportTest, CallWithoutAnAnswerEndsAfterTheWindow) {
  SharedCoordinator coordinator;
  coordinator.service().set_silent_check_in();
  const auto transport =
      coordinator.ConnectAs("device-1", {}, absl::Milliseconds(50));
  EXPECT_THAT(client::Perform(*transport, Greeting()),
              StatusIs(absl::StatusCode::kUnavailable,
                       HasSubstr("nothing has moved for 50 ms")));
}

// Its operation is on the queue of the others until gRPC is done with it.
TEST(SharedTransportTest, DeviceMayGoInTheMiddleOfACall) {
  SharedCoordinator coordinator;
  coordinator.service().set_silent_check_in();
  auto transport = coordinator.ConnectAs("device-1");
  transport->Start(Greeting());
  coordinator.service().AwaitCheckIn();
  transport.reset();
}

TEST(MeasuredTransportTest, CallsAreWrittenDown) {
  SharedCoordinator coordinator;
  const RealClock clock{};
  CallLog log;
  const auto inner = coordinator.ConnectAs("device-1");
  simulations::MeasuredTransport transport(*inner, clock, log);
  EXPECT_THAT(client::Perform(transport, Greeting()), IsOk());
  EXPECT_FALSE(
      client::Perform(transport, client::QueryCall{"forged", {}}).ok());
  transport.Start(Greeting());
  transport.Drop();
  const simulations::LoadFigures figures = log.Figures();
  EXPECT_EQ(figures.assigned, 1);
  EXPECT_EQ(figures.Of(CallKind::kCheckIn).answered.count(), 1);
  EXPECT_EQ(figures.Of(CallKind::kCheckIn).num_errors(), 0);
  EXPECT_EQ(figures.Of(CallKind::kQuery).num_errors(), 1);
}

}  // namespace
}  // namespace shoal::testing
