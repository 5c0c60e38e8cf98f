#include "coordinator/engine/failpoints.h"

#include <csignal>
#include <cstdlib>

#include "gtest/gtest.h"

namespace shoal::coordinator {
namespace {

// The variable is read once per process: every test body runs in a process of
// its own.
class FailpointsDeathTest : public ::testing::Test {
 protected:
  FailpointsDeathTest() {
    ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  }
};

TEST_F(FailpointsDeathTest, ProcessEndsAtTheNamedPlace) {
  EXPECT_EXIT(
      {
        setenv("SHOAL_FAILPOINT", "after_seal", 1);
        Failpoint("before_seal");
        Failpoint("after_seal");
        std::exit(0);
      },
      ::testing::KilledBySignal(SIGKILL), "");
}

TEST_F(FailpointsDeathTest, ProcessEndsAtTheCountedVisit) {
  EXPECT_EXIT(
      {
        setenv("SHOAL_FAILPOINT", "after_seal:3", 1);
        Failpoint("after_seal");
        Failpoint("after_seal");
        std::exit(7);
      },
      ::testing::ExitedWithCode(7), "");
  EXPECT_EXIT(
      {
        setenv("SHOAL_FAILPOINT", "after_seal:3", 1);
        for (int i = 0; i < 3; ++i) Failpoint("after_seal");
        std::exit(7);
      },
      ::testing::KilledBySignal(SIGKILL), "");
}

TEST_F(FailpointsDeathTest, NothingHappensWithoutTheVariable) {
  EXPECT_EXIT(
      {
        unsetenv("SHOAL_FAILPOINT");
        for (const absl::string_view name : kRoundFailpoints) Failpoint(name);
        for (const absl::string_view name : kGroupFailpoints) Failpoint(name);
        for (const absl::string_view name : kOtherFailpoints) Failpoint(name);
        std::exit(0);
      },
      ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace shoal::coordinator
