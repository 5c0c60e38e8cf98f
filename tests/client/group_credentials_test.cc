#include "client/group_credentials.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/certificates.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using protocol::KeyAndCertificate;
using ::testing::HasSubstr;
using testing::IsOk;
using testing::IsOkAndHolds;
using testing::StatusIs;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);
constexpr absl::Duration kYear = absl::Hours(24 * 365);

KeyAndCertificate NewCa() { return *protocol::MakeCa("CA", kNow, 10 * kYear); }

DeviceIdentity EnrolledBy(const KeyAndCertificate& ca) {
  KeyAndCertificate leaf =
      *protocol::Issue(ca, "pump", protocol::Role::kDevice, {}, kNow, kYear);
  DeviceIdentity identity;
  identity.id = protocol::ReadIdentity(leaf.certificate_pem)->id;
  identity.key_pem = std::move(leaf.key_pem);
  identity.certificate_pem = std::move(leaf.certificate_pem);
  identity.ca_pem = ca.certificate_pem;
  return identity;
}

AggregationDemands WithCa(std::string ca_pem) {
  AggregationDemands demands;
  demands.ca_pem = std::move(ca_pem);
  return demands;
}

// What `verifier` says of a message that `signer` signs.
absl::StatusOr<std::string> Verdict(const GroupCredentials& verifier,
                                    const GroupCredentials& signer) {
  const auto signature = signer.signer->Sign("keys");
  EXPECT_THAT(signature, IsOk());
  return verifier.verifier->Verify(signer.signer->certificate(), "keys",
                                   *signature);
}

TEST(GroupCredentialsTest, DevicesOfOneFolderCaKnowEachOther) {
  const VirtualClock clock(kNow);
  const KeyAndCertificate ca = NewCa();
  const DeviceIdentity first = EnrolledBy(ca);
  const DeviceIdentity second = EnrolledBy(ca);
  SHOAL_ASSERT_OK_AND_ASSIGN(const GroupCredentials one,
                             MakeGroupCredentials(first, {}, clock));
  SHOAL_ASSERT_OK_AND_ASSIGN(const GroupCredentials two,
                             MakeGroupCredentials(second, {}, clock));
  EXPECT_THAT(Verdict(one, two), IsOkAndHolds(second.id));
}

// The folder's CA vouches for the coordinator, another one for devices: then
// nobody whom the former signs for is a member.
TEST(GroupCredentialsTest, TheCaOfTheDemandsTakesThePlaceOfTheFolders) {
  const VirtualClock clock(kNow);
  const KeyAndCertificate members = NewCa();
  const KeyAndCertificate coordinators = NewCa();
  DeviceIdentity own = EnrolledBy(members);
  own.ca_pem = members.certificate_pem + coordinators.certificate_pem;
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const GroupCredentials device,
      MakeGroupCredentials(own, WithCa(members.certificate_pem), clock));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const GroupCredentials friendly,
      MakeGroupCredentials(EnrolledBy(members), {}, clock));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const GroupCredentials made_up,
      MakeGroupCredentials(EnrolledBy(coordinators), {}, clock));
  EXPECT_THAT(Verdict(device, friendly), IsOk());
  EXPECT_THAT(Verdict(device, made_up),
              StatusIs(absl::StatusCode::kFailedPrecondition));
}

TEST(GroupCredentialsTest, ACaThatDidNotSignTheDeviceItselfIsRefused) {
  const VirtualClock clock(kNow);
  EXPECT_THAT(MakeGroupCredentials(EnrolledBy(NewCa()),
                                   WithCa(NewCa().certificate_pem), clock),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("device's own certificate")));
}

TEST(GroupCredentialsTest, TextThatIsNoCertificateIsRefused) {
  const VirtualClock clock(kNow);
  EXPECT_THAT(MakeGroupCredentials(EnrolledBy(NewCa()), WithCa("none"), clock),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("secure_aggregation.ca")));
}

}  // namespace
}  // namespace shoal::client
