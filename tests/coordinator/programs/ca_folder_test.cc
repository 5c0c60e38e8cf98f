#include "coordinator/programs/ca_folder.h"

#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <memory>
#include <string>

#include "absl/time/clock.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/certificates.h"
#include "protocol/credentials.h"
#include "protocol/pem.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::HasSubstr;

class CaFolderTest : public ::testing::Test {
 protected:
  CaFolderTest() {
    ca_.ca = folder_.path();
    ca_.coordinator = folder_.path() + "/coordinator";
    ca_.operators = folder_.path() + "/operator";
  }

  static int ModeOf(const std::string& path) {
    struct stat info = {};
    EXPECT_EQ(stat(path.c_str(), &info), 0) << path;
    return info.st_mode & 0777;
  }
  // As `openssl x509 -text` prints them.
  static std::string HostsIn(const std::string& certificate_pem) {
    const auto certificate = *protocol::ReadCertificate(certificate_pem);
    const int index =
        X509_get_ext_by_NID(certificate.get(), NID_subject_alt_name, -1);
    const std::unique_ptr<BIO, decltype(&BIO_free)> out(BIO_new(BIO_s_mem()),
                                                        &BIO_free);
    X509V3_EXT_print(out.get(), X509_get_ext(certificate.get(), index), 0, 0);
    char* text = nullptr;
    const long size = BIO_get_mem_data(out.get(), &text);
    return std::string(text, static_cast<size_t>(size));
  }
  static protocol::Role RoleIn(const std::string& folder) {
    return protocol::ReadIdentity(*ReadFile(folder + "/certificate.pem"))->role;
  }

  const TemporaryFolder folder_;
  CaFolder ca_;
};

TEST_F(CaFolderTest, CertificatesCarryTheirRoles) {
  SHOAL_ASSERT_OK(MakeCaFolder(ca_, absl::Now()));
  EXPECT_EQ(RoleIn(ca_.coordinator), protocol::Role::kCoordinator);
  EXPECT_EQ(RoleIn(ca_.operators), protocol::Role::kOperator);
  EXPECT_EQ(*ReadFile(ca_.operators + "/ca.pem"),
            *ReadFile(folder_.path() + "/ca.pem"));
}

// Three years later, with the keys of old.
TEST_F(CaFolderTest, CertificatesAreRenewedForTheSameKeys) {
  const absl::Time now = absl::Now();
  ca_.hosts = {"fleet.example.org", "192.0.2.7"};
  SHOAL_ASSERT_OK(MakeCaFolder(ca_, now - absl::Hours(24 * 365 * 3)));
  const protocol::CredentialFiles files = {ca_.coordinator + "/ca.pem",
                                           ca_.coordinator + "/certificate.pem",
                                           ca_.coordinator + "/key.pem"};
  const auto load = [&] {
    return protocol::LoadCredentials(files, protocol::Role::kCoordinator, now)
        .status();
  };
  EXPECT_THAT(load(), StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr("shoalctl ca renew")));
  const std::string old = *ReadFile(files.certificate);
  SHOAL_ASSERT_OK(
      RenewCertificate(ca_.ca, ca_.coordinator, now, absl::Hours(24)));
  SHOAL_EXPECT_OK(load());
  const std::string renewed = *ReadFile(files.certificate);
  EXPECT_EQ(HostsIn(renewed), "DNS:fleet.example.org, IP Address:192.0.2.7");
  EXPECT_EQ(protocol::ReadIdentity(renewed)->id,
            protocol::ReadIdentity(old)->id);
  EXPECT_EQ(RoleIn(ca_.coordinator), protocol::Role::kCoordinator);
}

TEST_F(CaFolderTest, CertificatesOfOthersAreNotRenewed) {
  const absl::Time now = absl::Now();
  SHOAL_ASSERT_OK(MakeCaFolder(ca_, now));
  const TemporaryFolder elsewhere;
  CaFolder other;
  other.ca = elsewhere.path();
  other.coordinator = elsewhere.path() + "/coordinator";
  other.operators = elsewhere.path() + "/operator";
  SHOAL_ASSERT_OK(MakeCaFolder(other, now));
  const std::string before = *ReadFile(other.operators + "/certificate.pem");
  EXPECT_THAT(
      RenewCertificate(ca_.ca, other.operators, now, absl::Hours(24)),
      StatusIs(absl::StatusCode::kInvalidArgument,
               HasSubstr(other.operators +
                         "/certificate.pem: the certificate was not signed")));
  EXPECT_EQ(*ReadFile(other.operators + "/certificate.pem"), before);
}

TEST_F(CaFolderTest, KeysAreReadableByTheirOwnerAlone) {
  SHOAL_ASSERT_OK(MakeCaFolder(ca_, absl::Now()));
  for (const std::string& key : {ca_.ca_key(), ca_.coordinator + "/key.pem",
                                 ca_.operators + "/key.pem"}) {
    EXPECT_EQ(ModeOf(key), 0600) << key;
  }
}

TEST_F(CaFolderTest, NothingIsOverwritten) {
  SHOAL_ASSERT_OK(MakeCaFolder(ca_, absl::Now()));
  const std::string before = *ReadFile(ca_.ca_key());
  EXPECT_THAT(
      MakeCaFolder(ca_, absl::Now()),
      StatusIs(absl::StatusCode::kAlreadyExists, HasSubstr("exists already")));
  EXPECT_EQ(*ReadFile(ca_.ca_key()), before);
}

TEST_F(CaFolderTest, ImpossibleHostIsRefusedBeforeAnythingIsWritten) {
  ca_.hosts = {"not a host"};
  EXPECT_THAT(
      MakeCaFolder(ca_, absl::Now()),
      StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr("not a host")));
  EXPECT_FALSE(ReadFile(folder_.path() + "/ca.pem").ok());
}

// The CA decides on role and name; the key is the device's.
TEST_F(CaFolderTest, ADeviceIsEnrolledByTheCaAlone) {
  SHOAL_ASSERT_OK(MakeCaFolder(ca_, absl::Now()));
  SHOAL_ASSERT_OK_AND_ASSIGN(const Secret key, protocol::MakeKey());
  SHOAL_ASSERT_OK_AND_ASSIGN(const std::string request,
                             protocol::MakeRequest(key, "anything"));
  const std::string file = folder_.path() + "/pump-7.csr";
  SHOAL_ASSERT_OK(WriteFileAtomically(file, request));
  SHOAL_ASSERT_OK_AND_ASSIGN(
      const SignedDevice device,
      SignDevice(ca_.ca, file, "pump-7", absl::Now(), absl::Hours(1)));
  SHOAL_ASSERT_OK_AND_ASSIGN(const protocol::Identity identity,
                             protocol::ReadIdentity(device.certificate_pem));
  EXPECT_EQ(identity.role, protocol::Role::kDevice);
  EXPECT_EQ(identity.name, "pump-7");
  EXPECT_EQ(identity.id, device.id);
  EXPECT_THAT(protocol::IsSignedBy(device.certificate_pem,
                                   *ReadFile(ca_.ca + "/ca.pem")),
              ::shoal::testing::IsOkAndHolds(true));
}

TEST_F(CaFolderTest, AFileThatIsNoRequestIsNamed) {
  SHOAL_ASSERT_OK(MakeCaFolder(ca_, absl::Now()));
  EXPECT_THAT(SignDevice(ca_.ca, ca_.ca + "/ca.pem", "pump-7", absl::Now(),
                         absl::Hours(1)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("ca.pem: not a certificate request")));
}

}  // namespace
}  // namespace shoal::coordinator
