#include "base/clock.h"

#include "gtest/gtest.h"

namespace shoal {
namespace {

TEST(VirtualClockTest, StandsStillUntilAdvanced) {
  const absl::Time start = absl::FromUnixSeconds(1000);
  VirtualClock clock(start);
  EXPECT_EQ(clock.Now(), start);
  EXPECT_EQ(clock.Monotonic(), absl::ZeroDuration());
  clock.Advance(absl::Seconds(2));
  EXPECT_EQ(clock.Now(), start + absl::Seconds(2));
  EXPECT_EQ(clock.Monotonic(), absl::Seconds(2));
}

TEST(VirtualClockTest, WallClockJumpsWithoutTheMonotonicOne) {
  VirtualClock clock;
  clock.Advance(absl::Seconds(5));
  clock.JumpWallClock(-absl::Hours(1));
  EXPECT_EQ(clock.Now(), absl::UnixEpoch() + absl::Seconds(5) - absl::Hours(1));
  EXPECT_EQ(clock.Monotonic(), absl::Seconds(5));
}

TEST(VirtualClockDeathTest, TimeDoesNotGoBack) {
  VirtualClock clock;
  EXPECT_DEATH(clock.Advance(-absl::Seconds(1)), "check failed");
}

TEST(RealClockTest, MonotonicNeverGoesBack) {
  RealClock clock;
  absl::Duration last = clock.Monotonic();
  for (int i = 0; i < 1000; ++i) {
    const absl::Duration now = clock.Monotonic();
    ASSERT_GE(now, last);
    last = now;
  }
}

}  // namespace
}  // namespace shoal
