#include "simulations/load/call_loop.h"

#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::simulations {
namespace {

using ::testing::ElementsAre;

TEST(CallLoopTest, TimersFireInTheOrderOfTheirTimes) {
  CallLoop loop;
  std::vector<int> fired;
  const absl::Duration now = RealClock().Monotonic();
  loop.At(now, [&] { fired.push_back(2); });
  loop.At(now, [&] { fired.push_back(3); });
  loop.At(now - absl::Seconds(1), [&] { fired.push_back(1); });
  loop.At(now + absl::Hours(1), [&] { fired.push_back(4); });
  loop.Turn(absl::ZeroDuration());
  EXPECT_THAT(fired, ElementsAre(1, 2, 3));
}

TEST(CallLoopTest, WorkOfOtherThreadsWakesTheLoopEveryTime) {
  CallLoop loop;
  int done = 0;
  std::thread other([&] {
    for (int i = 0; i < 1000; ++i) loop.Post([&done] { ++done; });
    loop.Stop();
  });
  loop.Run();
  other.join();
  EXPECT_EQ(done, 1000);
}

TEST(CallLoopTest, WorkMayPostMore) {
  CallLoop loop;
  int done = 0;
  loop.Post([&] {
    ++done;
    loop.Post([&] {
      ++done;
      loop.Stop();
    });
  });
  loop.Run();
  EXPECT_EQ(done, 2);
}

TEST(CallLoopTest, WhatWasPostedAndNotDoneDiesWithTheLoop) {
  int done = 0;
  {
    CallLoop loop;
    loop.Post([&] { ++done; });
    loop.At(absl::ZeroDuration(), [&] { ++done; });
  }
  EXPECT_EQ(done, 0);
}

}  // namespace
}  // namespace shoal::simulations
