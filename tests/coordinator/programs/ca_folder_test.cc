#include "coordinator/programs/ca_folder.h"

#include <sys/stat.h>

#include <string>

#include "absl/time/clock.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "protocol/certificates.h"
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

}  // namespace
}  // namespace shoal::coordinator
