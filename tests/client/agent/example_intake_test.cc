#include "client/agent/example_intake.h"

#include <filesystem>
#include <memory>
#include <string>

#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::client {
namespace {

namespace fs = std::filesystem;
using ::shoal::testing::StatusIs;
using ::testing::AllOf;
using ::testing::HasSubstr;

class ExampleIntakeTest : public ::testing::Test {
 protected:
  ExampleIntakeTest() {
    fs::create_directory(state_);
    fs::create_directory(inbox_);
    examples_.store.num_features = 2;
    examples_.store.num_classes = 3;
    examples_.folder = inbox_;
  }

  absl::StatusOr<std::unique_ptr<ExampleIntake>> Open() {
    return ExampleIntake::Open(examples_, state_, clock_, log_);
  }

  TemporaryFolder folder_;
  const std::string state_ = folder_.path() + "/state";
  const std::string inbox_ = folder_.path() + "/inbox";
  VirtualClock clock_{absl::FromUnixSeconds(1'700'000'000)};
  NullLogger log_;
  AgentExamples examples_;
};

// The agent would move its own key to the rejected files.
TEST_F(ExampleIntakeTest, FolderThatSharesFilesWithTheStateIsRefused) {
  fs::create_directory_symlink(state_, folder_.path() + "/link");
  fs::create_directory(state_ + "/inbox");
  for (const std::string& folder :
       {state_, state_ + "/", state_ + "/../state", folder_.path() + "/link",
        state_ + "/inbox", folder_.path() + "/link/inbox", state_ + "/examples",
        folder_.path(), std::string("/")}) {
    examples_.folder = folder;
    EXPECT_THAT(Open().status(),
                StatusIs(absl::StatusCode::kInvalidArgument,
                         AllOf(HasSubstr(folder + ": "),
                               HasSubstr("state folder " + state_))))
        << folder;
  }
}

TEST_F(ExampleIntakeTest, FolderBesideTheStateIsWatched) {
  // Names that begin alike are no folders within each other.
  examples_.folder = state_ + "-inbox";
  fs::create_directory(examples_.folder);
  SHOAL_EXPECT_OK(Open());
}

}  // namespace
}  // namespace shoal::client
