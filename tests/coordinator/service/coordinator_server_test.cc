#include "coordinator/service/coordinator_server.h"

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <future>
#include <memory>
#include <string>
#include <thread>

#include "coordinator/service/authenticator.h"
#include "coordinator/store/memory_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/coordinator/service/service_fixture.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using protocol::RefusalCode;
using protocol::Role;
using ::shoal::testing::FromGrpc;
using ::shoal::testing::IsOk;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::RawDevice;
using ::shoal::testing::RawOperator;
using ::shoal::testing::RefusalCodeOf;
using ::shoal::testing::SmallTask;
using ::shoal::testing::StatusIs;
using ::shoal::testing::TestCa;
using ::shoal::testing::TestCoordinator;
using ::shoal::testing::TestCoordinatorOptions;
using ::shoal::testing::Update;
using ::testing::AllOf;
using ::testing::HasSubstr;

class CoordinatorServerTest : public ::testing::Test {
 protected:
  CoordinatorServerTest() {
    config_.listen = "127.0.0.1:0";
    config_.http_listen = "";
    config_.data = folder_.path();
  }

  absl::StatusOr<std::unique_ptr<CoordinatorServer>> Start(bool insecure) {
    return CoordinatorServer::Start(
        config_, {log_, clock_, rng_, MakeMemoryStore(), insecure});
  }

  const TemporaryFolder folder_;
  configuration::CoordinatorConfig config_;
  NullLogger log_;
  RealClock clock_;
  SystemRng rng_;
};

TEST_F(CoordinatorServerTest, WithoutTlsItDoesNotStart) {
  EXPECT_THAT(Start(false), StatusIs(absl::StatusCode::kInvalidArgument,
                                     HasSubstr("tls is missing")));
}

TEST_F(CoordinatorServerTest, TlsAndInsecureExcludeEachOther) {
  config_.tls = TestCa().WriteTlsFiles(folder_.path() + "/tls");
  EXPECT_THAT(Start(true), StatusIs(absl::StatusCode::kInvalidArgument,
                                    HasSubstr("exclude each other")));
}

TEST_F(CoordinatorServerTest, TakenPortIsNamed) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto first, Start(true));
  config_.listen = first->grpc_address();
  EXPECT_THAT(Start(true), StatusIs(absl::StatusCode::kAlreadyExists,
                                    first->grpc_address() +
                                        " is in use by another program"));
}

TEST_F(CoordinatorServerTest, TakenHttpPortIsNamed) {
  config_.http_listen = "127.0.0.1:0";
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto first, Start(true));
  config_.http_listen = first->http_address();
  EXPECT_THAT(Start(true), StatusIs(absl::StatusCode::kAlreadyExists,
                                    HasSubstr(first->http_address())));
}

TEST_F(CoordinatorServerTest, ImpossibleDataFolderIsNamed) {
  config_.data = "/proc/shoal";
  EXPECT_THAT(Start(true).status().message(), HasSubstr("/proc/shoal"));
}

TEST(InsecureServerTest, DevicesNameThemselvesAndEverybodyIsAnOperator) {
  TestCoordinatorOptions options;
  options.insecure = true;
  TestCoordinator coordinator(std::move(options));
  RawOperator admin(coordinator.ConnectAnonymously());
  admin.CreateTask(SmallTask("small", 1, 1));
  const auto stub = v1::Fleet::NewStub(coordinator.ConnectAnonymously());
  grpc::ClientContext named;
  named.AddMetadata(kInsecureDeviceMetadata, "phone");
  v1::CheckInResponse response;
  SHOAL_EXPECT_OK(
      FromGrpc(stub->CheckIn(&named, RawDevice::Greeting(), &response)));
  grpc::ClientContext unnamed;
  EXPECT_EQ(
      RefusalCodeOf(stub->CheckIn(&unnamed, RawDevice::Greeting(), &response)),
      RefusalCode::kUnauthenticated);
}

// Calls a method of another schema by hand, with the bytes of its message.
absl::StatusOr<std::string> CallRaw(const TestCoordinator& coordinator,
                                    const std::string& method,
                                    const std::string& message = "") {
  grpc::GenericStub stub(coordinator.ConnectAnonymously());
  grpc::ClientContext context;
  const grpc::Slice slice_sent(message);
  const grpc::ByteBuffer request(&slice_sent, 1);
  grpc::ByteBuffer response;
  std::promise<grpc::Status> done;
  stub.UnaryCall(&context, method, grpc::StubOptions(), &request, &response,
                 [&done](grpc::Status status) { done.set_value(status); });
  const absl::Status status = FromGrpc(done.get_future().get());
  if (!status.ok()) return status;
  grpc::Slice slice;
  if (!response.DumpToSingleSlice(&slice).ok()) {
    return absl::InternalError("the answer has no bytes");
  }
  return std::string(reinterpret_cast<const char*>(slice.begin()),
                     slice.size());
}

TEST(HealthTest, LoadBalancersAreToldThatItServes) {
  TestCoordinator coordinator;
  // HealthCheckResponse{status: SERVING}.
  EXPECT_THAT(CallRaw(coordinator, "/grpc.health.v1.Health/Check"),
              IsOkAndHolds("\x08\x01"));
}

TEST(ReflectionTest, ServicesAreListed) {
  TestCoordinator coordinator;
  // ServerReflectionRequest{list_services: "*"}; the answer holds the names.
  const absl::StatusOr<std::string> answer =
      CallRaw(coordinator,
              "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
              "\x3a\x01*");
  ASSERT_THAT(answer, IsOk());
  EXPECT_THAT(*answer,
              AllOf(HasSubstr("shoal.v1.Admin"), HasSubstr("shoal.v1.Fleet"),
                    HasSubstr("grpc.health.v1.Health")));
}

TEST(HealthTest, UnknownMethodsAreUnimplemented) {
  TestCoordinator coordinator;
  EXPECT_THAT(CallRaw(coordinator, "/shoal.v1.Fleet/Frobnicate"),
              StatusIs(absl::StatusCode::kUnimplemented));
}

TEST(ShutdownTest, RunningUploadIsCountedAndNewWorkIsRefused) {
  TestCoordinator coordinator;
  RawOperator admin(
      coordinator.Connect(coordinator.Issue("admin", Role::kOperator)));
  admin.CreateTask(SmallTask("small", 1, 5));
  RawDevice device(
      coordinator.Connect(coordinator.Issue("phone", Role::kDevice)));
  const std::string token = device.AwaitAssignment().token();
  const std::string update = Update(1);
  grpc::ClientContext context;
  v1::UploadReceipt receipt;
  const auto stream = device.stub().Upload(&context, &receipt);
  ASSERT_TRUE(stream->Write(RawDevice::Header(token, update)));
  v1::StatusReport status;
  while (status.uploads_in_progress() == 0) {
    ASSERT_THAT(FromGrpc(admin.Call(&v1::Admin::Stub::GetStatus,
                                    v1::GetStatusRequest(), status)),
                IsOk());
  }
  std::thread shutdown([&] { coordinator.Shutdown(); });
  v1::CheckInResponse response;
  while (RefusalCodeOf(device.CheckIn(RawDevice::Greeting(), response)) !=
         RefusalCode::kShuttingDown) {
  }
  EXPECT_TRUE(stream->Write(RawDevice::Chunk(0, update)));
  stream->WritesDone();
  SHOAL_EXPECT_OK(FromGrpc(stream->Finish()));
  EXPECT_EQ(receipt.digest(), Sha256(update).AsBytes());
  shutdown.join();
}

TEST(ShutdownTest, SilentUploadDoesNotHoldItUpForever) {
  TestCoordinator coordinator;
  RawOperator admin(
      coordinator.Connect(coordinator.Issue("admin", Role::kOperator)));
  admin.CreateTask(SmallTask("small", 1, 5));
  RawDevice device(
      coordinator.Connect(coordinator.Issue("phone", Role::kDevice)));
  const std::string token = device.AwaitAssignment().token();
  grpc::ClientContext context;
  v1::UploadReceipt receipt;
  const auto stream = device.stub().Upload(&context, &receipt);
  ASSERT_TRUE(stream->Write(RawDevice::Header(token, Update(1))));
  coordinator.server().Shutdown(absl::Milliseconds(50));
  EXPECT_FALSE(stream->Finish().ok());
}

TEST(SilenceTest, StreamOnWhichNothingMovesIsCut) {
  VirtualClock clock(absl::Now());
  TestCoordinatorOptions options;
  options.clock = &clock;
  TestCoordinator coordinator(std::move(options));
  RawOperator admin(
      coordinator.Connect(coordinator.Issue("admin", Role::kOperator)));
  admin.CreateTask(SmallTask("small", 1, 5));
  RawDevice device(
      coordinator.Connect(coordinator.Issue("phone", Role::kDevice)));
  const std::string token = device.AwaitAssignment().token();
  grpc::ClientContext context;
  v1::UploadReceipt receipt;
  const auto stream = device.stub().Upload(&context, &receipt);
  ASSERT_TRUE(stream->Write(RawDevice::Header(token, Update(1))));
  v1::StatusReport status;
  while (status.uploads_in_progress() == 0) {
    ASSERT_THAT(FromGrpc(admin.Call(&v1::Admin::Stub::GetStatus,
                                    v1::GetStatusRequest(), status)),
                IsOk());
  }
  clock.Advance(absl::Minutes(6));
  v1::CheckInResponse response;
  // Any event lets the coordinator look.
  ASSERT_THAT(FromGrpc(device.CheckIn(RawDevice::Greeting(), response)),
              IsOk());
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

}  // namespace
}  // namespace shoal::coordinator
