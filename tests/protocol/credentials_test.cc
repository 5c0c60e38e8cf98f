#include "protocol/credentials.h"

#include <string>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::protocol {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

const absl::Time kNow = absl::FromUnixSeconds(1'800'000'000);

class CredentialsTest : public ::testing::Test {
 protected:
  CredentialsTest() : ca_(*MakeCa("ca", kNow, absl::Hours(100))) {
    const KeyAndCertificate leaf = Leaf(Role::kOperator);
    Write("ca.pem", ca_.certificate_pem);
    Write("certificate.pem", leaf.certificate_pem);
    Write("key.pem", leaf.key_pem.Reveal());
  }

  KeyAndCertificate Leaf(Role role) const {
    return *Issue(ca_, "leaf", role, {}, kNow, absl::Hours(1));
  }
  std::string Path(absl::string_view name) const {
    return absl::StrCat(folder_.path(), "/", name);
  }
  void Write(absl::string_view name, absl::string_view text) const {
    SHOAL_ASSERT_OK(WriteFileAtomically(Path(name), text, 0600));
  }
  absl::Status Load(Role role = Role::kOperator, absl::Time now = kNow) const {
    return LoadCredentials(
               {Path("ca.pem"), Path("certificate.pem"), Path("key.pem")}, role,
               now)
        .status();
  }
  void ExpectWrong(const absl::Status& status, absl::string_view file,
                   absl::string_view what) const {
    EXPECT_THAT(status,
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr(absl::StrCat(Path(file), ": ", what))));
  }

  const TemporaryFolder folder_;
  const KeyAndCertificate ca_;
};

TEST_F(CredentialsTest, FilesThatBelongTogetherAreLoaded) {
  SHOAL_EXPECT_OK(Load());
}

TEST_F(CredentialsTest, MissingFileIsNamed) {
  EXPECT_THAT(LoadCertificate(Path("nothing.pem")),
              StatusIs(absl::StatusCode::kNotFound, HasSubstr("nothing.pem")));
}

TEST_F(CredentialsTest, FolderInPlaceOfAFileIsNamed) {
  EXPECT_THAT(LoadCertificate(folder_.path()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr(folder_.path()),
                             HasSubstr("expected a PEM file"))));
}

TEST_F(CredentialsTest, KeyInPlaceOfACertificateIsNamed) {
  Write("ca.pem", ca_.key_pem.Reveal());
  ExpectWrong(Load(), "ca.pem", "not a certificate");
}

TEST_F(CredentialsTest, CertificateInPlaceOfAKeyIsNamed) {
  Write("key.pem", ca_.certificate_pem);
  ExpectWrong(Load(), "key.pem", "not a private key");
}

TEST_F(CredentialsTest, KeyOfAnotherCertificateIsNamed) {
  Write("key.pem", Leaf(Role::kOperator).key_pem.Reveal());
  ExpectWrong(Load(), "key.pem", "is not the key of the certificate in");
}

TEST_F(CredentialsTest, AnotherRoleIsNamed) {
  ExpectWrong(Load(Role::kCoordinator), "certificate.pem",
              "its role is operator, expected coordinator");
}

TEST_F(CredentialsTest, AnotherCaIsNamed) {
  Write("ca.pem", MakeCa("other", kNow, absl::Hours(1))->certificate_pem);
  ExpectWrong(Load(), "certificate.pem", "was not signed by the CA in");
}

TEST_F(CredentialsTest, AnyCaOfABundleMayHaveSigned) {
  const std::string other =
      MakeCa("other", kNow, absl::Hours(1))->certificate_pem;
  Write("ca.pem", absl::StrCat(other, "\n# ours\n", ca_.certificate_pem));
  SHOAL_EXPECT_OK(Load());
  Write("ca.pem", absl::StrCat(other, other));
  ExpectWrong(Load(), "certificate.pem", "was not signed by the CA in");
}

TEST_F(CredentialsTest, DamagedCertificateOfABundleIsNamed) {
  const std::string& pem = ca_.certificate_pem;
  Write("ca.pem", absl::StrCat(pem, pem.substr(0, pem.size() / 2)));
  ExpectWrong(Load(), "ca.pem", "certificate 2 of the file is damaged");
  ExpectWrong(LoadCertificate(Path("ca.pem")).status(), "ca.pem",
              "certificate 2 of the file is damaged");
}

TEST_F(CredentialsTest, CertificateMustBeValidToday) {
  ExpectWrong(Load(Role::kOperator, kNow + absl::Hours(2)), "certificate.pem",
              "the certificate expired");
  ExpectWrong(Load(Role::kOperator, kNow - absl::Hours(200)), "certificate.pem",
              "the certificate is not valid yet");
}

}  // namespace
}  // namespace shoal::protocol
