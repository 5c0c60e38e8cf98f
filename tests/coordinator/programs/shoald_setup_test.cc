#include "coordinator/programs/shoald_setup.h"

#include <string>

#include "absl/time/clock.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

class ShoaldSetupTest : public ::testing::Test {
 protected:
  std::string WriteConfig(const std::string& yaml) const {
    const std::string path = folder_.path() + "/shoald.yaml";
    SHOAL_EXPECT_OK(WriteFileAtomically(path, yaml));
    return path;
  }

  const TemporaryFolder folder_;
  ShoaldArguments arguments_;
};

TEST_F(ShoaldSetupTest, SomethingMustBeChosen) {
  EXPECT_THAT(ConfigOf(arguments_, absl::Now()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("expected --config FILE, or --dev")));
}

TEST_F(ShoaldSetupTest, DevAndConfigExcludeEachOther) {
  arguments_.dev = true;
  arguments_.config = "shoald.yaml";
  EXPECT_THAT(ConfigOf(arguments_, absl::Now()),
              StatusIs(absl::StatusCode::kInvalidArgument));
}

TEST_F(ShoaldSetupTest, DevMakesACaOnceAndKeepsIt) {
  arguments_.dev = true;
  arguments_.data = folder_.path() + "/data";
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto first,
                             ConfigOf(arguments_, absl::Now()));
  ASSERT_TRUE(first.tls.has_value());
  const std::string ca = *ReadFile(first.tls->ca);
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto second,
                             ConfigOf(arguments_, absl::Now()));
  EXPECT_EQ(*ReadFile(second.tls->ca), ca);
}

TEST_F(ShoaldSetupTest, DevServesOnLoopbackAlone) {
  arguments_.dev = true;
  arguments_.data = folder_.path() + "/data";
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto config,
                             ConfigOf(arguments_, absl::Now()));
  EXPECT_EQ(config.listen, "127.0.0.1:7600");
  EXPECT_EQ(config.http_listen, "127.0.0.1:7601");
}

TEST_F(ShoaldSetupTest, DevIsRefusedWhereItsCertificateIsNotValid) {
  arguments_.dev = true;
  arguments_.data = folder_.path() + "/data";
  for (const char* listen : {"0.0.0.0:7600", "[::]:7600", "192.0.2.1:7600"}) {
    arguments_.listen = listen;
    EXPECT_THAT(ConfigOf(arguments_, absl::Now()),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         HasSubstr("--dev serves this machine alone")))
        << listen;
  }
  arguments_.listen = "";
  arguments_.http_listen = "0.0.0.0:7601";
  EXPECT_THAT(ConfigOf(arguments_, absl::Now()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("--http-listen 0.0.0.0:7601")));
  arguments_.http_listen = "none";
  for (const char* listen : {"127.0.0.1:1", "[::1]:1", "localhost:1"}) {
    arguments_.listen = listen;
    SHOAL_EXPECT_OK(ConfigOf(arguments_, absl::Now()));
  }
}

TEST_F(ShoaldSetupTest, DevInstructionsNameTheAddressThatIsServed) {
  EXPECT_THAT(DevInstructions({}, "[::1]:7600", "[::1]:7601", ""),
              AllOf(HasSubstr("dashboard    http://[::1]:7601/\n"),
                    HasSubstr("--coordinator [::1]:7600 --insecure status")));
  EXPECT_THAT(DevInstructions({}, "[::1]:7600", "", ""),
              Not(HasSubstr("dashboard")));
}

TEST_F(ShoaldSetupTest, FileThatIsMissingOrAFolderIsWrongInput) {
  for (const std::string& path : {std::string("/no/file"), folder_.path()}) {
    arguments_.config = path;
    EXPECT_THAT(ConfigOf(arguments_, absl::Now()),
                StatusIs(absl::StatusCode::kInvalidArgument, HasSubstr(path)));
  }
}

TEST_F(ShoaldSetupTest, ArgumentsOverrideTheFile) {
  arguments_.config = WriteConfig("data: /a\nlisten: 127.0.0.1:1\n");
  arguments_.data = "/b";
  arguments_.listen = "127.0.0.1:0";
  arguments_.http_listen = "none";
  SHOAL_ASSERT_OK_AND_ASSIGN(const auto config,
                             ConfigOf(arguments_, absl::Now()));
  EXPECT_EQ(config.data, "/b");
  EXPECT_EQ(config.listen, "127.0.0.1:0");
  EXPECT_EQ(config.http_listen, "");
}

TEST_F(ShoaldSetupTest, MistakeInTheFileIsNamedWithItsLine) {
  arguments_.config = WriteConfig("data: /a\nlisten_on: x\n");
  EXPECT_THAT(ConfigOf(arguments_, absl::Now()),
              StatusIs(absl::StatusCode::kInvalidArgument,
                       HasSubstr("shoald.yaml:2: listen_on")));
}

}  // namespace
}  // namespace shoal::coordinator
