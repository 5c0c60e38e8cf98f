#include "client/identity.h"

#include <sys/stat.h>

#include <filesystem>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/certificates.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::StatusIs;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class IdentityTest : public ::testing::Test {
 protected:
  IdentityTest() : ca_(*protocol::MakeCa("ca", kNow, absl::Hours(100))) {}

  // Enrols the folder as `role`; the certificate lives for an hour.
  void StoreAs(protocol::Role role) {
    const auto issued =
        *protocol::Issue(ca_, "device", role, {}, kNow, absl::Hours(1));
    SHOAL_ASSERT_OK(WriteFileAtomically(folder_.path() + "/key.pem",
                                        issued.key_pem.Reveal(), 0600));
    stored_ = StoreCertificate(folder_.path(), issued.key_pem,
                               issued.certificate_pem, ca_.certificate_pem);
  }

  TemporaryFolder folder_;
  protocol::KeyAndCertificate ca_;
  absl::StatusOr<std::string> stored_;
};

TEST_F(IdentityTest, StoredIdentityIsLoaded) {
  StoreAs(protocol::Role::kDevice);
  SHOAL_ASSERT_OK(stored_);
  SHOAL_ASSERT_OK_AND_ASSIGN(const DeviceIdentity identity,
                             LoadIdentity(folder_.path()));
  EXPECT_EQ(identity.id, *stored_);
  EXPECT_EQ(identity.ca_pem, ca_.certificate_pem);
}

TEST_F(IdentityTest, EmptyFolderSaysWhatToDo) {
  EXPECT_THAT(
      LoadIdentity(folder_.path()),
      StatusIs(absl::StatusCode::kNotFound, HasSubstr("shoal-agent enroll")));
}

TEST_F(IdentityTest, FolderInPlaceOfAFileIsNamed) {
  StoreAs(protocol::Role::kDevice);
  std::filesystem::remove(folder_.path() + "/key.pem");
  std::filesystem::create_directory(folder_.path() + "/key.pem");
  EXPECT_THAT(
      LoadIdentity(folder_.path()),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("/key.pem: ")));
}

TEST_F(IdentityTest, KeyThatIsNoneIsNamedAndKept) {
  SHOAL_ASSERT_OK(
      WriteFileAtomically(folder_.path() + "/key.pem", "hello", 0600));
  EXPECT_THAT(LoadOrMakeKey(folder_.path()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("/key.pem: not a private key")));
  EXPECT_THAT(ReadFile(folder_.path() + "/key.pem", 100),
              testing::IsOkAndHolds("hello"));
}

TEST_F(IdentityTest, CaThatIsNoCertificateIsNamed) {
  StoreAs(protocol::Role::kDevice);
  SHOAL_ASSERT_OK(
      WriteFileAtomically(folder_.path() + "/ca.pem", "hello", 0600));
  EXPECT_THAT(LoadIdentity(folder_.path()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("/ca.pem: not a certificate")));
}

TEST_F(IdentityTest, CaOfAnotherDeploymentIsNamedWithTheCertificate) {
  StoreAs(protocol::Role::kDevice);
  SHOAL_ASSERT_OK(WriteFileAtomically(
      folder_.path() + "/ca.pem",
      protocol::MakeCa("ca", kNow, absl::Hours(1))->certificate_pem));
  EXPECT_THAT(
      LoadIdentity(folder_.path()),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr(folder_.path() +
                         "/certificate.pem: was not signed by the CA in " +
                         folder_.path() + "/ca.pem")));
}

TEST_F(IdentityTest, CertificateOfAnotherCaIsNotStored) {
  const auto issued = *protocol::Issue(ca_, "device", protocol::Role::kDevice,
                                       {}, kNow, absl::Hours(1));
  EXPECT_THAT(
      StoreCertificate(
          folder_.path(), issued.key_pem, issued.certificate_pem,
          protocol::MakeCa("ca", kNow, absl::Hours(1))->certificate_pem),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr("was not signed by the CA")));
  EXPECT_FALSE(std::filesystem::exists(folder_.path() + "/certificate.pem"));
}

TEST_F(IdentityTest, CertificateIsValidForItsTime) {
  StoreAs(protocol::Role::kDevice);
  SHOAL_ASSERT_OK_AND_ASSIGN(const DeviceIdentity identity,
                             LoadIdentity(folder_.path()));
  SHOAL_EXPECT_OK(CheckValidity(identity, folder_.path(), kNow));
  SHOAL_EXPECT_OK(CheckValidity(identity, folder_.path(),
                                identity.expires - absl::Seconds(1)));
}

TEST_F(IdentityTest, ExpiredCertificateSaysWhatToDo) {
  StoreAs(protocol::Role::kDevice);
  SHOAL_ASSERT_OK_AND_ASSIGN(const DeviceIdentity identity,
                             LoadIdentity(folder_.path()));
  EXPECT_THAT(
      CheckValidity(identity, folder_.path(), kNow + absl::Hours(2)),
      StatusIs(absl::StatusCode::kInvalidArgument,
               AllOf(HasSubstr("expired"),
                     HasSubstr("this device's clock says 2027-01-15 10:00:00Z"),
                     HasSubstr("set the clock if it is wrong"))));
}

TEST_F(IdentityTest, ClockBehindTheCertificateIsNamed) {
  StoreAs(protocol::Role::kDevice);
  SHOAL_ASSERT_OK_AND_ASSIGN(const DeviceIdentity identity,
                             LoadIdentity(folder_.path()));
  EXPECT_THAT(CheckValidity(identity, folder_.path(), absl::UnixEpoch()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("this device's clock says 1970-01-01 "
                                 "00:00:00Z; set the clock")));
}

TEST_F(IdentityTest, CertificateOfAnotherRoleIsNotStored) {
  StoreAs(protocol::Role::kOperator);
  EXPECT_THAT(stored_, StatusIs(absl::StatusCode::kInvalidArgument,
                                HasSubstr("operator")));
}

TEST_F(IdentityTest, CertificateOfAnotherKeyIsRefused) {
  StoreAs(protocol::Role::kDevice);
  SHOAL_ASSERT_OK_AND_ASSIGN(const Secret other, protocol::MakeKey());
  SHOAL_ASSERT_OK(
      WriteFileAtomically(folder_.path() + "/key.pem", other.Reveal(), 0600));
  EXPECT_THAT(
      LoadIdentity(folder_.path()),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("another key")));
}

TEST_F(IdentityTest, KeyIsMadeOnceAndClosedToOthers) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const Secret made, LoadOrMakeKey(folder_.path()));
  SHOAL_ASSERT_OK_AND_ASSIGN(const Secret kept, LoadOrMakeKey(folder_.path()));
  EXPECT_EQ(made.Reveal(), kept.Reveal());
  struct stat info = {};
  ASSERT_EQ(stat((folder_.path() + "/key.pem").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(IdentityTest, InsecureNameIsMadeOnce) {
  SystemRng rng;
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string made,
                             LoadOrMakeInsecureName(folder_.path(), rng));
  EXPECT_EQ(made.size(), 64u);
  EXPECT_THAT(LoadOrMakeInsecureName(folder_.path(), rng),
              testing::IsOkAndHolds(made));
}

}  // namespace
}  // namespace shoal::client
