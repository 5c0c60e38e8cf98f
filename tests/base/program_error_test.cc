#include "base/program_error.h"

#include "gtest/gtest.h"

namespace shoal {
namespace {

TEST(PrintErrorTest, EveryLineReadsOnItsOwn) {
  ::testing::internal::CaptureStderr();
  PrintError("shoald", absl::InvalidArgumentError("a.yaml:1: x\na.yaml:2: y"));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(),
            "shoald: a.yaml:1: x\nshoald: a.yaml:2: y\n");
}

TEST(PrintErrorTest, LineFeedAtTheEndAddsNoLine) {
  ::testing::internal::CaptureStderr();
  PrintError("shoald", absl::InternalError("broken\n"));
  EXPECT_EQ(::testing::internal::GetCapturedStderr(), "shoald: broken\n");
}

}  // namespace
}  // namespace shoal
