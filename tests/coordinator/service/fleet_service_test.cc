#include "coordinator/service/fleet_service.h"

#include <string>
#include <vector>

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
using ::shoal::testing::RawDevice;
using ::shoal::testing::RawOperator;
using ::shoal::testing::RefusalCodeOf;
using ::shoal::testing::ServiceTest;
using ::shoal::testing::SmallTask;
using ::shoal::testing::TestCa;
using ::shoal::testing::TestCoordinator;
using ::shoal::testing::Update;
using ::testing::HasSubstr;

// A coordinator whose task "small" wants one report per round.
class FleetServiceTest : public ServiceTest {
 protected:
  FleetServiceTest() { operator_.CreateTask(SmallTask("small", 1, 100)); }
};

TEST_F(FleetServiceTest, WholeSessionEndsWithAReceiptAndANewModel) {
  RawDevice device = Device("phone");
  const v1::Assignment assignment = device.AwaitAssignment();
  EXPECT_EQ(assignment.task(), "small");
  grpc::ClientContext context;
  v1::FetchModelRequest fetch;
  fetch.set_digest(assignment.model().digest());
  const auto stream = device.stub().FetchModel(&context, fetch);
  std::string model;
  v1::ModelChunk chunk;
  while (stream->Read(&chunk)) model += chunk.data();
  ASSERT_THAT(FromGrpc(stream->Finish()), IsOk());
  EXPECT_EQ(Sha256(model).AsBytes(), assignment.model().digest());

  const std::string update = Update(0.5f);
  v1::UploadReceipt receipt;
  ASSERT_THAT(FromGrpc(device.Upload(assignment.token(), update, receipt)),
              IsOk());
  EXPECT_EQ(receipt.round_id(), assignment.round_id());
  EXPECT_EQ(receipt.digest(), Sha256(update).AsBytes());
  const v1::Assignment next = device.AwaitAssignment();
  EXPECT_EQ(next.model().version(), 1u);
}

TEST_F(FleetServiceTest, CallerWithoutACertificateIsUnauthenticated) {
  RawDevice stranger(coordinator_.ConnectAnonymously());
  v1::CheckInResponse response;
  const grpc::Status status = stranger.CheckIn(RawDevice::Greeting(), response);
  EXPECT_EQ(RefusalCodeOf(status), RefusalCode::kUnauthenticated);
  v1::UploadReceipt receipt;
  EXPECT_EQ(RefusalCodeOf(stranger.Upload("token", Update(1), receipt)),
            RefusalCode::kUnauthenticated);
}

TEST_F(FleetServiceTest, OperatorIsNoDevice) {
  RawDevice admin(
      coordinator_.Connect(coordinator_.Issue("admin", Role::kOperator)));
  v1::CheckInResponse response;
  const grpc::Status status = admin.CheckIn(RawDevice::Greeting(), response);
  EXPECT_EQ(RefusalCodeOf(status), RefusalCode::kPermissionDenied);
  EXPECT_THAT(status.error_message(),
              HasSubstr("has the role operator, this call needs device"));
}

TEST_F(FleetServiceTest, CertificateOfAnotherCaEndsTheHandshake) {
  const TestCa other;
  grpc::SslCredentialsOptions ssl;
  ssl.pem_root_certs = coordinator_.ca().ca().certificate_pem;
  const auto leaf = other.Issue("phone", Role::kDevice);
  ssl.pem_cert_chain = leaf.certificate_pem;
  ssl.pem_private_key = std::string(leaf.key_pem.Reveal());
  RawDevice device(coordinator_.ConnectWith(grpc::SslCredentials(ssl)));
  v1::CheckInResponse response;
  EXPECT_EQ(device.CheckIn(RawDevice::Greeting(), response).error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(FleetServiceTest, OlderMinorVersionIsSpoken) {
  RawDevice device = Device("phone");
  v1::CheckInRequest request = RawDevice::Greeting();
  request.mutable_protocol()->set_minor(0);
  v1::CheckInResponse response;
  ASSERT_THAT(FromGrpc(device.CheckIn(request, response)), IsOk());
  EXPECT_EQ(response.protocol().minor(), 0u);
  request.mutable_protocol()->set_minor(99);
  ASSERT_THAT(FromGrpc(device.CheckIn(request, response)), IsOk());
  EXPECT_EQ(response.protocol().minor(), protocol::kProtocolVersion.minor);
}

TEST_F(FleetServiceTest, OtherMajorVersionIsTold) {
  RawDevice device = Device("phone");
  v1::CheckInRequest request = RawDevice::Greeting();
  request.mutable_protocol()->set_major(protocol::kProtocolVersion.major + 1);
  v1::CheckInResponse response;
  EXPECT_EQ(RefusalCodeOf(device.CheckIn(request, response)),
            RefusalCode::kProtocolIncompatible);
}

TEST_F(FleetServiceTest, MalformedCheckInNamesTheField) {
  RawDevice device = Device("phone");
  v1::CheckInRequest request = RawDevice::Greeting();
  request.set_population("NOT A POPULATION");
  v1::CheckInResponse response;
  const grpc::Status status = device.CheckIn(request, response);
  EXPECT_EQ(RefusalCodeOf(status), RefusalCode::kBadRequest);
  EXPECT_THAT(status.error_message(), HasSubstr("population"));
}

TEST_F(FleetServiceTest, ForgedTokenIsRefused) {
  RawDevice device = Device("phone");
  std::string token = device.AwaitAssignment().token();
  token.back() ^= 1;
  v1::UploadReceipt receipt;
  EXPECT_EQ(RefusalCodeOf(device.Upload(token, Update(1), receipt)),
            RefusalCode::kTokenInvalid);
}

TEST_F(FleetServiceTest, TokenOfAnotherDeviceIsRefused) {
  RawDevice victim = Device("victim");
  RawDevice thief = Device("thief");
  const std::string token = victim.AwaitAssignment().token();
  v1::UploadReceipt receipt;
  EXPECT_EQ(RefusalCodeOf(thief.Upload(token, Update(1), receipt)),
            RefusalCode::kTokenInvalid);
  SHOAL_EXPECT_OK(FromGrpc(victim.Upload(token, Update(1), receipt)));
}

TEST_F(FleetServiceTest, ReplayGetsTheSameReceiptAndOtherContentIsRefused) {
  RawDevice device = Device("phone");
  const std::string token = device.AwaitAssignment().token();
  v1::UploadReceipt first;
  ASSERT_THAT(FromGrpc(device.Upload(token, Update(1), first)), IsOk());
  v1::UploadReceipt again;
  ASSERT_THAT(FromGrpc(device.Upload(token, Update(1), again)), IsOk());
  EXPECT_EQ(again.segment_id(), first.segment_id());
  EXPECT_EQ(RefusalCodeOf(device.Upload(token, Update(2), again)),
            RefusalCode::kDigestConflict);
}

TEST_F(FleetServiceTest, ChunkWithAWrongChecksumIsRefusedAndCanBeSentAgain) {
  RawDevice device = Device("phone");
  const std::string token = device.AwaitAssignment().token();
  const std::string update = Update(1);
  v1::UploadRequest corrupt = RawDevice::Chunk(0, update);
  corrupt.mutable_chunk()->set_crc32(corrupt.chunk().crc32() + 1);
  v1::UploadReceipt receipt;
  EXPECT_EQ(RefusalCodeOf(device.Send(
                {RawDevice::Header(token, update), corrupt}, receipt)),
            RefusalCode::kChunkCorrupt);
  SHOAL_EXPECT_OK(FromGrpc(device.Upload(token, update, receipt)));
}

TEST_F(FleetServiceTest, UploadThatClaimsATerabyteIsRefused) {
  RawDevice device = Device("phone");
  const std::string token = device.AwaitAssignment().token();
  v1::UploadRequest header = RawDevice::Header(token, Update(1));
  header.mutable_header()->set_num_bytes(uint64_t{1} << 40);
  v1::UploadReceipt receipt;
  EXPECT_EQ(RefusalCodeOf(device.Send({header}, receipt)),
            RefusalCode::kUploadTooLarge);
  v1::CheckInResponse response;  // and goes on
  SHOAL_EXPECT_OK(FromGrpc(device.CheckIn(RawDevice::Greeting(), response)));
}

TEST_F(FleetServiceTest, UploadOutOfOrderIsABadRequest) {
  RawDevice device = Device("phone");
  const std::string token = device.AwaitAssignment().token();
  const std::string update = Update(1);
  const v1::UploadRequest header = RawDevice::Header(token, update);
  const v1::UploadRequest chunk = RawDevice::Chunk(0, update);
  const std::vector<std::vector<v1::UploadRequest>> orders = {
      {}, {chunk}, {header, header}, {v1::UploadRequest()}};
  for (const auto& parts : orders) {
    v1::UploadReceipt receipt;
    EXPECT_EQ(RefusalCodeOf(device.Send(parts, receipt)),
              RefusalCode::kBadRequest);
  }
}

TEST_F(FleetServiceTest, ChunkBeyondTheLimitIsABadRequest) {
  RawDevice device = Device("phone");
  const std::string token = device.AwaitAssignment().token();
  v1::UploadReceipt receipt;
  EXPECT_EQ(
      RefusalCodeOf(device.Send(
          {RawDevice::Header(token, Update(1)),
           RawDevice::Chunk(0, std::string(protocol::kMaxChunkBytes + 1, 'x'))},
          receipt)),
      RefusalCode::kBadRequest);
}

TEST_F(FleetServiceTest, UploadResumesAfterItsCallerVanished) {
  RawDevice device = Device("phone");
  const std::string token = device.AwaitAssignment().token();
  const std::string update = Update(1);
  const std::string half = update.substr(0, update.size() / 2);
  {
    grpc::ClientContext context;
    v1::UploadReceipt receipt;
    const auto stream = device.stub().Upload(&context, &receipt);
    ASSERT_TRUE(stream->Write(RawDevice::Header(token, update)));
    ASSERT_TRUE(stream->Write(RawDevice::Chunk(0, half)));
    while (device.Query(token, update).received_bytes() < half.size()) {
    }
    context.TryCancel();
    EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  }
  v1::UploadReceipt receipt;
  SHOAL_EXPECT_OK(FromGrpc(device.Resume(token, update, receipt)));
  EXPECT_EQ(receipt.digest(), Sha256(update).AsBytes());
}

TEST_F(FleetServiceTest, CallersWhoVanishWhileWaitingHarmNobody) {
  operator_.CreateTask([] {
    v1::Task task = SmallTask("slow", 8, 1);
    task.set_population("slow");
    return task;
  }());
  v1::CheckInRequest greeting = RawDevice::Greeting();
  greeting.set_population("slow");
  for (int i = 0; i < 8; ++i) {
    RawDevice device = Device("phone");
    v1::CheckInResponse response;
    while (!response.has_assignment()) {
      ASSERT_THAT(FromGrpc(device.CheckIn(greeting, response)), IsOk());
    }
    const std::string token = response.assignment().token();
    grpc::ClientContext context;
    v1::UploadReceipt receipt;
    const auto stream = device.stub().Upload(&context, &receipt);
    stream->Write(RawDevice::Header(token, Update(1)));
    stream->Write(RawDevice::Chunk(0, Update(1)));
    stream->WritesDone();
    context.TryCancel();  // races with the receipt
    stream->Finish();
    grpc::Status status;
    do {  // while the abandoned stream still moves the offset
      status = device.Resume(token, Update(1), receipt);
    } while (RefusalCodeOf(status) == RefusalCode::kUploadOffset);
    SHOAL_ASSERT_OK(FromGrpc(status));
  }
}

TEST_F(FleetServiceTest, UnknownModelIsRefused) {
  RawDevice device = Device("phone");
  for (const std::string& digest :
       {std::string(32, 'x'), std::string("short")}) {
    grpc::ClientContext context;
    v1::FetchModelRequest request;
    request.set_digest(digest);
    const auto stream = device.stub().FetchModel(&context, request);
    v1::ModelChunk chunk;
    while (stream->Read(&chunk)) {
    }
    EXPECT_EQ(RefusalCodeOf(stream->Finish()), digest.size() == 32
                                                   ? RefusalCode::kUnknownModel
                                                   : RefusalCode::kBadRequest);
  }
}

TEST_F(FleetServiceTest, AbandonedAssignmentIsFreeForAnother) {
  RawDevice first = Device("first");
  v1::AbandonRequest request;
  request.set_token(first.AwaitAssignment().token());
  request.set_reason(v1::ABANDON_REASON_ENERGY);
  grpc::ClientContext context;
  v1::AbandonResponse response;
  ASSERT_THAT(FromGrpc(first.stub().Abandon(&context, request, &response)),
              IsOk());
  EXPECT_GE(protocol::FromProto(response.next_check_in()),
            absl::ZeroDuration());
}

}  // namespace
}  // namespace shoal::coordinator
