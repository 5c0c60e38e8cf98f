#include "coordinator/service/tls_material.h"

#include <string>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"
#include "tests/support/test_coordinator.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::StatusIs;
using ::shoal::testing::TestCa;
using ::testing::AllOf;
using ::testing::HasSubstr;

class TlsMaterialTest : public ::testing::Test {
 protected:
  TlsMaterialTest() {
    config_.tls = ca_.WriteTlsFiles(folder_.path());
    config_.enrollment_ca_key = folder_.path() + "/ca.key";
  }

  absl::Status Load(absl::Time now = absl::Now()) const {
    return LoadTlsMaterial(config_, now).status();
  }
  void Replace(const std::string& name, absl::string_view contents) const {
    SHOAL_ASSERT_OK(WriteFileAtomically(folder_.path() + "/" + name, contents));
  }

  const TemporaryFolder folder_;
  const TestCa ca_;
  configuration::CoordinatorConfig config_;
};

TEST_F(TlsMaterialTest, GoodFilesAreRead) {
  SHOAL_ASSERT_OK_AND_ASSIGN(const TlsMaterial material,
                             LoadTlsMaterial(config_, absl::Now()));
  EXPECT_EQ(material.ca_pem, ca_.ca().certificate_pem);
  EXPECT_TRUE(material.enrollment_ca.has_value());
}

TEST_F(TlsMaterialTest, WithoutItsKeyTheCaEnrollsNobody) {
  config_.enrollment_ca_key = "";
  SHOAL_ASSERT_OK_AND_ASSIGN(const TlsMaterial material,
                             LoadTlsMaterial(config_, absl::Now()));
  EXPECT_FALSE(material.enrollment_ca.has_value());
}

TEST_F(TlsMaterialTest, MissingFileIsNamed) {
  config_.tls->key = folder_.path() + "/nothing.pem";
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr("nothing.pem")));
}

TEST_F(TlsMaterialTest, FileThatIsNoPemIsNamed) {
  Replace("certificate.pem", "hello");
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr("certificate.pem")));
}

TEST_F(TlsMaterialTest, KeyOfAnotherCertificateIsRefused) {
  Replace("key.pem",
          ca_.Issue("other", protocol::Role::kCoordinator).key_pem.Reveal());
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr("is not the key of")));
}

TEST_F(TlsMaterialTest, CertificateOfADeviceIsRefused) {
  ca_.WriteCredentials(folder_.path(),
                       ca_.Issue("phone", protocol::Role::kDevice));
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr("its role is device, expected "
                                         "coordinator")));
}

TEST_F(TlsMaterialTest, CertificateOfAnotherCaIsRefused) {
  Replace("ca.pem", TestCa().ca().certificate_pem);
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr("was not signed by the CA in")));
}

TEST_F(TlsMaterialTest, KeyOfAnotherCaIsRefused) {
  Replace("ca.key", TestCa().ca().key_pem.Reveal());
  EXPECT_THAT(Load(), StatusIs(absl::StatusCode::kInvalidArgument,
                               HasSubstr("ca.key")));
}

TEST_F(TlsMaterialTest, WrongClockIsSuspected) {
  EXPECT_THAT(Load(absl::Now() + absl::Hours(24 * 365)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("expired"), HasSubstr("clock"))));
  EXPECT_THAT(Load(absl::Now() - absl::Hours(24 * 365)),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       AllOf(HasSubstr("not valid yet"), HasSubstr("clock"))));
}

}  // namespace
}  // namespace shoal::coordinator
