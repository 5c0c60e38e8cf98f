// Kills shoald below a running `shoalctl round watch`.
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "base/child_process.h"
#include "base/file.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/faults/fault_fleet.h"
#include "tests/faults/shoald_process.h"
#include "tests/support/status_matchers.h"

namespace shoal::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr int kDevices = 2;
constexpr int kRounds = 2;
constexpr absl::Duration kPatience = absl::Seconds(60);
// Longer than the longest pause between two attempts.
constexpr absl::Duration kNoticed = absl::Seconds(8);

class WatchRoundsTest : public ::testing::Test {
 protected:
  void StartWatch(const std::string& task) {
    auto started = ChildProcess::Start(
        {{ExecutableFolder() + "/../bin/shoalctl", "--coordinator",
          shoald_.address(), "--credentials", shoald_.credentials(), "round",
          "watch", task},
         {},
         folder_.path() + "/output"});
    SHOAL_ASSERT_OK(started);
    watch_ = *std::move(started);
  }
  std::string Output() const { return TailOfFile(watch_->log_path(), 100); }
  bool AwaitOutput(const std::string& text) const {
    const absl::Time deadline = absl::Now() + kPatience;
    while (absl::Now() < deadline) {
      if (absl::StrContains(Output(), text)) return true;
      absl::SleepFor(absl::Milliseconds(10));
    }
    return false;
  }

  const TemporaryFolder folder_{"shoal-watch"};
  ShoaldProcess shoald_;
  std::unique_ptr<ChildProcess> watch_;
};

TEST_F(WatchRoundsTest, WatchGoesOnAfterTheCoordinatorIsBack) {
  const v1::Task task = FaultTask("watched", kDevices, kRounds);
  SHOAL_ASSERT_OK(shoald_.Start());
  SHOAL_ASSERT_OK(shoald_.CreateTask(task));
  StartWatch(task.name());
  ASSERT_TRUE(AwaitOutput("open")) << Output();

  shoald_.Kill();
  ASSERT_TRUE(AwaitOutput("lost the coordinator")) << Output();
  absl::SleepFor(absl::Seconds(1));  // more than one attempt
  SHOAL_ASSERT_OK(shoald_.Start());
  FaultFleet fleet(shoald_, task, kDevices);
  SHOAL_ASSERT_OK(shoald_.AwaitCompletion(task.name(), kPatience));
  fleet.Stop();

  const auto exit = watch_->Wait(kNoticed);
  ASSERT_TRUE(exit.has_value()) << Output();
  EXPECT_EQ(exit->code, 0) << Output();
  const std::string output = Output();
  for (int round = 1; round <= kRounds; ++round) {
    EXPECT_THAT(output,
                HasSubstr(absl::StrCat("model ", round, "  committed")));
  }
  EXPECT_THAT(output, Not(HasSubstr("TLS")));
  const std::vector<std::string> parts =
      absl::StrSplit(output, "lost the coordinator");
  EXPECT_EQ(parts.size(), 2u) << "said once: " << output;
}

TEST_F(WatchRoundsTest, WatchOutlivesAnOrderlyRestart) {
  const v1::Task task = FaultTask("watched", kDevices, kRounds);
  SHOAL_ASSERT_OK(shoald_.Start());
  SHOAL_ASSERT_OK(shoald_.CreateTask(task));
  StartWatch(task.name());
  ASSERT_TRUE(AwaitOutput("open")) << Output();
  EXPECT_THAT(shoald_.Stop(), IsOkAndHolds(0)) << shoald_.Log();
  ASSERT_TRUE(AwaitOutput("lost the coordinator")) << Output();
  SHOAL_ASSERT_OK(shoald_.Start());
  FaultFleet fleet(shoald_, task, kDevices);
  SHOAL_ASSERT_OK(shoald_.AwaitCompletion(task.name(), kPatience));
  fleet.Stop();
  const auto exit = watch_->Wait(kNoticed);
  ASSERT_TRUE(exit.has_value()) << Output();
  EXPECT_EQ(exit->code, 0) << Output();
}

// Waiting would not help, and the user is the one to know.
TEST_F(WatchRoundsTest, WatchSaysThatTheCoordinatorIsBackWithAnotherCa) {
  SHOAL_ASSERT_OK(shoald_.Start());
  SHOAL_ASSERT_OK(shoald_.CreateTask(FaultTask("watched", kDevices, kRounds)));
  StartWatch("watched");
  ASSERT_TRUE(AwaitOutput("open")) << Output();
  shoald_.Kill();
  shoald_.TakeNewCa();
  SHOAL_ASSERT_OK(shoald_.Start());
  EXPECT_TRUE(
      AwaitOutput("is ca.pem in the credentials that of this "
                  "coordinator"))
      << Output();
  watch_->Kill();
}

}  // namespace
}  // namespace shoal::testing
