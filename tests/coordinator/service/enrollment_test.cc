#include "coordinator/service/enrollment.h"

#include <memory>
#include <optional>
#include <string>

#include "coordinator/store/memory_store.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/refusal.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

class EnrollmentTest : public ::testing::Test {
 protected:
  std::string Request(absl::string_view name = "pi") {
    const Secret key = *protocol::MakeKey();
    return *protocol::MakeRequest(key, name);
  }

  std::string Invite(std::optional<int64_t> uses) {
    InvitationRequest request;
    request.uses = uses;
    return enrollment_.Invite(request, now_)->token;
  }

  static protocol::RefusalCode CodeOf(const absl::Status& status) {
    const auto refusal = protocol::RefusalOf(status);
    EXPECT_TRUE(refusal.has_value()) << status;
    return refusal.has_value() ? refusal->code
                               : protocol::RefusalCode::kShuttingDown;
  }

  const absl::Time now_ = absl::FromUnixSeconds(1'800'000'000);
  const std::unique_ptr<RoundStore> store_ = MakeMemoryStore();
  SystemRng rng_;
  Enrollment enrollment_{*store_, rng_,
                         *protocol::MakeCa("CA", now_, absl::Hours(24 * 365)),
                         absl::Hours(24 * 30)};
};

TEST_F(EnrollmentTest, InvitedDeviceGetsACertificateAndARow) {
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const EnrolledDevice device,
      enrollment_.Enroll(Invite(1), Request(), "kitchen-pi", now_));
  SHOAL_ASSERT_OK_AND_ASSIGN(const protocol::Identity identity,
                             protocol::ReadIdentity(device.certificate_pem));
  EXPECT_EQ(identity.id, device.device_id);
  EXPECT_EQ(identity.role, protocol::Role::kDevice);
  EXPECT_EQ(identity.name, "kitchen-pi");
  SHOAL_ASSERT_OK_AND_ASSIGN(const DeviceRow row,
                             store_->GetDevice(device.device_id));
  EXPECT_EQ(row.name, "kitchen-pi");
  EXPECT_EQ(row.enrolled, now_);
  EXPECT_EQ(row.certificate_expires, identity.expires);
}

TEST_F(EnrollmentTest, TokensAreLongAndNeverRepeat) {
  const std::string a = Invite(1);
  const std::string b = Invite(1);
  EXPECT_EQ(a.size(), 40u);  // 160 bits
  EXPECT_NE(a, b);
}

TEST_F(EnrollmentTest, UsedUpInvitationIsRefused) {
  const std::string invitation = Invite(1);
  SHOAL_ASSERT_OK(enrollment_.Enroll(invitation, Request(), "a", now_));
  EXPECT_EQ(
      CodeOf(enrollment_.Enroll(invitation, Request(), "b", now_).status()),
      protocol::RefusalCode::kInvitationInvalid);
}

TEST_F(EnrollmentTest, DeviceWhoseAnswerWasLostMayAskAgain) {
  const std::string invitation = Invite(1);
  const std::string request = Request();
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const EnrolledDevice lost,
      enrollment_.Enroll(invitation, request, "pi", now_));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const EnrolledDevice again,
      enrollment_.Enroll(invitation, request, "pi", now_));
  EXPECT_EQ(again.device_id, lost.device_id);
  EXPECT_EQ(again.ca_pem, lost.ca_pem);
  EXPECT_EQ(store_->ListDevices(10, "")->size(), 1u);
  EXPECT_EQ(
      CodeOf(enrollment_.Enroll(invitation, Request(), "pi", now_).status()),
      protocol::RefusalCode::kInvitationInvalid);
}

TEST_F(EnrollmentTest, InvitationWithoutCountLastsUntilItExpires) {
  const std::string invitation = Invite(std::nullopt);
  for (int i = 0; i < 5; ++i) {
    SHOAL_EXPECT_OK(enrollment_.Enroll(invitation, Request(), "a", now_));
  }
  EXPECT_EQ(CodeOf(enrollment_
                       .Enroll(invitation, Request(), "a",
                               now_ + absl::Hours(1) + absl::Seconds(1))
                       .status()),
            protocol::RefusalCode::kInvitationInvalid);
}

TEST_F(EnrollmentTest, UnknownInvitationIsRefused) {
  EXPECT_EQ(CodeOf(enrollment_.Enroll("0123", Request(), "a", now_).status()),
            protocol::RefusalCode::kInvitationInvalid);
}

TEST_F(EnrollmentTest, GarbageRequestIsRefusedAndTakesNoUse) {
  const std::string invitation = Invite(1);
  for (const std::string& garbage :
       {std::string(), std::string("garbage"), std::string(100'000, 'x')}) {
    EXPECT_EQ(
        CodeOf(enrollment_.Enroll(invitation, garbage, "a", now_).status()),
        protocol::RefusalCode::kBadRequest);
  }
  SHOAL_EXPECT_OK(enrollment_.Enroll(invitation, Request(), "a", now_));
}

TEST_F(EnrollmentTest, ImpossibleNameIsRefused) {
  for (const std::string& name :
       {std::string(), std::string("a\nb"), std::string(65, 'x')}) {
    EXPECT_EQ(
        CodeOf(enrollment_.Enroll(Invite(1), Request(), name, now_).status()),
        protocol::RefusalCode::kBadRequest);
  }
}

TEST_F(EnrollmentTest, InvitationsMustEnd) {
  InvitationRequest request;
  for (const absl::Duration span :
       {absl::ZeroDuration(), -absl::Seconds(1), absl::Hours(24 * 400),
        absl::InfiniteDuration()}) {
    request.valid_for = span;
    EXPECT_THAT(
        enrollment_.Invite(request, now_),
        StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("valid_for")));
  }
}

TEST_F(EnrollmentTest, WithoutACaNobodyIsInvitedOrEnrolled) {
  Enrollment closed(*store_, rng_, std::nullopt, absl::Hours(1));
  EXPECT_THAT(closed.Invite({}, now_),
              StatusIs(absl::StatusCode::kFailedPrecondition,
                       HasSubstr("enrollment_ca_key")));
  EXPECT_EQ(CodeOf(closed.Enroll(Invite(1), Request(), "a", now_).status()),
            protocol::RefusalCode::kInvitationInvalid);
}

}  // namespace
}  // namespace shoal::coordinator
