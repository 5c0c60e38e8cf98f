// Enrolling over the wire, from the invitation to the first check-in.
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/certificates.h"
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
using ::shoal::testing::TestCoordinator;

class EnrollmentServiceTest : public ::testing::Test {
 protected:
  std::string Invite() {
    RawOperator admin(
        coordinator_.Connect(coordinator_.Issue("admin", Role::kOperator)));
    v1::InviteDevicesRequest request;
    request.set_uses(1);
    v1::Invitation invitation;
    EXPECT_THAT(FromGrpc(admin.Call(&v1::Admin::Stub::InviteDevices, request,
                                    invitation)),
                IsOk());
    return invitation.token();
  }

  v1::EnrollRequest Request(const std::string& invitation) {
    return Request(invitation, key_);
  }
  v1::EnrollRequest Request(const std::string& invitation, const Secret& key) {
    v1::EnrollRequest request;
    request.mutable_protocol()->set_major(protocol::kProtocolVersion.major);
    request.set_invitation(invitation);
    request.set_certificate_request(*protocol::MakeRequest(key, "phone"));
    request.set_device_name("phone");
    return request;
  }

  grpc::Status Enroll(const v1::EnrollRequest& request,
                      v1::EnrollResponse& response) {
    const auto stub = v1::Fleet::NewStub(coordinator_.ConnectAnonymously());
    grpc::ClientContext context;
    return stub->Enroll(&context, request, &response);
  }

  TestCoordinator coordinator_;
  const Secret key_ = *protocol::MakeKey();
};

TEST_F(EnrollmentServiceTest, EnrolledDeviceMayCheckIn) {
  v1::EnrollResponse enrolled;
  ASSERT_THAT(FromGrpc(Enroll(Request(Invite()), enrolled)), IsOk());
  EXPECT_EQ(enrolled.ca_pem(), coordinator_.ca().ca().certificate_pem);
  RawDevice device(
      coordinator_.Connect({key_.Copy(), enrolled.certificate_pem()}));
  v1::CheckInResponse response;
  SHOAL_EXPECT_OK(FromGrpc(device.CheckIn(RawDevice::Greeting(), response)));
  EXPECT_EQ(response.retry_after().code(), "no_task");
}

TEST_F(EnrollmentServiceTest, UsedInvitationIsRefusedToAnotherKeyAlone) {
  const std::string invitation = Invite();
  v1::EnrollResponse first;
  ASSERT_THAT(FromGrpc(Enroll(Request(invitation), first)), IsOk());
  v1::EnrollResponse response;
  EXPECT_EQ(RefusalCodeOf(
                Enroll(Request(invitation, *protocol::MakeKey()), response)),
            RefusalCode::kInvitationInvalid);
  ASSERT_THAT(FromGrpc(Enroll(Request(invitation), response)), IsOk());
  EXPECT_EQ(protocol::ReadIdentity(response.certificate_pem())->id,
            protocol::ReadIdentity(first.certificate_pem())->id);
}

TEST_F(EnrollmentServiceTest, GarbageRequestIsRefused) {
  v1::EnrollRequest request = Request(Invite());
  request.set_certificate_request("garbage");
  v1::EnrollResponse response;
  EXPECT_EQ(RefusalCodeOf(Enroll(request, response)), RefusalCode::kBadRequest);
}

TEST_F(EnrollmentServiceTest, OtherMajorVersionIsToldBeforeItTakesAUse) {
  v1::EnrollRequest request = Request(Invite());
  request.mutable_protocol()->set_major(99);
  v1::EnrollResponse response;
  EXPECT_EQ(RefusalCodeOf(Enroll(request, response)),
            RefusalCode::kProtocolIncompatible);
  request.mutable_protocol()->set_major(protocol::kProtocolVersion.major);
  SHOAL_EXPECT_OK(FromGrpc(Enroll(request, response)));
}

}  // namespace
}  // namespace shoal::coordinator
