// Forgetting a device over the wire, by itself and by an operator.
#include <memory>
#include <string>
#include <utility>

#include "client/transport/device_client.h"
#include "client/transport/grpc_transport.h"
#include "client/transport/lean_transport.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/certificates.h"
#include "tests/coordinator/service/service_fixture.h"
#include "tests/support/status_matchers.h"
#include "tests/support/transport_calls.h"

namespace shoal::coordinator {
namespace {

using client::Transport;
using client::TransportOptions;
using protocol::RefusalCode;
using protocol::Role;
using ::shoal::testing::FromGrpc;
using ::shoal::testing::IsOk;
using ::shoal::testing::IsOkAndHolds;
using ::shoal::testing::RawDevice;
using ::shoal::testing::RefusalCodeOf;
using ::shoal::testing::ServiceTest;
using ::shoal::testing::SmallTask;
using ::shoal::testing::StatusIs;
using ::shoal::testing::Update;
using ::testing::IsEmpty;

struct Kind {
  const char* name;
  client::TransportMaker make;
};

// A coordinator whose task "small" wants one report per round.
class ForgetServiceTest : public ServiceTest,
                          public ::testing::WithParamInterface<Kind> {
 protected:
  ForgetServiceTest() { operator_.CreateTask(SmallTask("small", 1, 100)); }

  std::unique_ptr<Transport> TransportOf(
      const protocol::KeyAndCertificate& leaf) const {
    TransportOptions options;
    options.coordinator = coordinator_.address();
    options.tls = client::ChannelTls{coordinator_.ca().ca().certificate_pem,
                                     leaf.key_pem.Copy(), leaf.certificate_pem};
    auto made = GetParam().make(std::move(options));
    EXPECT_THAT(made, IsOk());
    return *std::move(made);
  }
  std::string IdOf(const protocol::KeyAndCertificate& leaf) const {
    return protocol::ReadIdentity(leaf.certificate_pem)->id;
  }
  absl::Status ForgetByOperator(const std::string& name) {
    v1::ForgetDeviceRequest request;
    request.set_id(name);
    v1::ForgetDeviceResponse response;
    return FromGrpc(
        operator_.Call(&v1::Admin::Stub::ForgetDevice, request, response));
  }
  RoundStore& store() { return coordinator_.store(); }

  const protocol::KeyAndCertificate phone_ =
      coordinator_.Issue("phone", Role::kDevice);
  RawDevice device_{coordinator_.Connect(phone_)};
};

INSTANTIATE_TEST_SUITE_P(
    Transports, ForgetServiceTest,
    ::testing::Values(Kind{"Lean", client::MakeLeanTransport},
                      Kind{"Grpc", client::MakeGrpcTransport}),
    [](const auto& info) { return info.param.name; });

TEST_P(ForgetServiceTest, ForgottenContributorIsNowhereAndItsModelStays) {
  const v1::Assignment assignment = device_.AwaitAssignment();
  v1::UploadReceipt receipt;
  ASSERT_THAT(
      FromGrpc(device_.Upload(assignment.token(), Update(0.5f), receipt)),
      IsOk());
  // The round is over.
  const v1::Assignment next = device_.AwaitAssignment();
  EXPECT_THAT(store().CountDevices(absl::InfinitePast()), IsOkAndHolds(1));

  const auto transport = TransportOf(phone_);
  SHOAL_ASSERT_OK(testing::Forget(*transport));

  EXPECT_THAT(store().CountDevices(absl::InfinitePast()), IsOkAndHolds(0));
  EXPECT_THAT(store().GetDevice(IdOf(phone_)),
              StatusIs(absl::StatusCode::kNotFound));
  const int64_t round = static_cast<int64_t>(receipt.round_id());
  EXPECT_THAT(*store().ListContributions(round), IsEmpty());
  EXPECT_THAT(*store().ListAssignments(round), IsEmpty());
  EXPECT_EQ(store().GetRound(round)->accepted, 1);
  EXPECT_EQ(operator_.GetTask("small").rounds_committed(), 1u);
}

TEST_P(ForgetServiceTest, CertificateIsWorthNothingAnyMore) {
  const v1::Assignment assignment = device_.AwaitAssignment();
  const auto transport = TransportOf(phone_);
  SHOAL_ASSERT_OK(testing::Forget(*transport));

  v1::CheckInResponse answer;
  EXPECT_EQ(RefusalCodeOf(device_.CheckIn(RawDevice::Greeting(), answer)),
            RefusalCode::kForgotten);
  v1::UploadReceipt receipt;
  EXPECT_EQ(
      RefusalCodeOf(device_.Upload(assignment.token(), Update(1), receipt)),
      RefusalCode::kForgotten);
  const auto digest = Digest::FromBytes(assignment.model().digest());
  const absl::Status fetched = testing::Fetch(*transport, *digest, 0).status();
  EXPECT_EQ(protocol::RefusalOf(fetched)->code, RefusalCode::kForgotten);
  // Asking once more is fine: the first answer may have been lost.
  SHOAL_EXPECT_OK(testing::Forget(*transport));
}

TEST_P(ForgetServiceTest, KeyOfAForgottenDeviceIsNotEnrolledAgain) {
  v1::InviteDevicesRequest request;
  request.set_uses(1);
  v1::Invitation invitation;
  ASSERT_THAT(FromGrpc(operator_.Call(&v1::Admin::Stub::InviteDevices, request,
                                      invitation)),
              IsOk());
  SHOAL_ASSERT_OK(testing::Forget(*TransportOf(phone_)));
  const auto enroll = [&](const Secret& key) {
    v1::EnrollRequest enrolment;
    enrolment.mutable_protocol()->set_major(protocol::kProtocolVersion.major);
    enrolment.set_invitation(invitation.token());
    enrolment.set_device_name("phone");
    enrolment.set_certificate_request(*protocol::MakeRequest(key, "phone"));
    v1::EnrollResponse enrolled;
    grpc::ClientContext context;
    return RefusalCodeOf(device_.stub().Enroll(&context, enrolment, &enrolled));
  };
  EXPECT_EQ(enroll(phone_.key_pem), RefusalCode::kForgotten);
  EXPECT_EQ(enroll(*protocol::MakeKey()), std::nullopt);  // and took no use
}

TEST_P(ForgetServiceTest, OperatorForgetsADeviceByItsName) {
  device_.AwaitAssignment();
  SHOAL_ASSERT_OK(ForgetByOperator("phone"));
  protocol::CheckIn hello;
  hello.population = "phones";
  const absl::Status refused =
      testing::CheckIn(*TransportOf(phone_), hello).status();
  EXPECT_EQ(protocol::RefusalOf(refused)->code, RefusalCode::kForgotten);
  EXPECT_THAT(ForgetByOperator("phone"), StatusIs(absl::StatusCode::kNotFound));
  // The device does not know of it, and asks for the same.
  SHOAL_EXPECT_OK(testing::Forget(*TransportOf(phone_)));
}

TEST_P(ForgetServiceTest, OnlyDevicesAskToBeForgotten) {
  const auto admin = coordinator_.Issue("admin", Role::kOperator);
  const absl::Status refused = testing::Forget(*TransportOf(admin));
  EXPECT_EQ(protocol::RefusalOf(refused)->code, RefusalCode::kPermissionDenied);
}

}  // namespace
}  // namespace shoal::coordinator
