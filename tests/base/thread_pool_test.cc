#include "base/thread_pool.h"

#include <atomic>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal {
namespace {

using ::testing::ElementsAre;

TEST(ThreadPoolTest, RunsEverything) {
  ThreadPool pool(4);
  std::atomic<int> done = 0;
  for (int i = 0; i < 1000; ++i) pool.Schedule([&] { ++done; });
  pool.WaitUntilIdle();
  EXPECT_EQ(done, 1000);
}

TEST(ThreadPoolTest, OneThreadKeepsTheOrder) {
  std::vector<int> order;
  ThreadPool pool(1);
  for (int i = 0; i < 4; ++i) pool.Schedule([&, i] { order.push_back(i); });
  pool.WaitUntilIdle();
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3));
}

TEST(ThreadPoolTest, DestructionRunsWhatIsQueued) {
  std::atomic<int> done = 0;
  {
    ThreadPool pool(2);
    for (int i = 0; i < 100; ++i) pool.Schedule([&] { ++done; });
  }
  EXPECT_EQ(done, 100);
}

TEST(ThreadPoolTest, WorkMayScheduleMoreWork) {
  ThreadPool pool(2);
  std::atomic<int> done = 0;
  pool.Schedule([&] {
    pool.Schedule([&] { ++done; });
    ++done;
  });
  pool.WaitUntilIdle();
  EXPECT_EQ(done, 2);
}

TEST(ThreadPoolTest, TwoThreadsRunAtTheSameTime) {
  // Each waits for the other: with one thread this would never end.
  ThreadPool pool(2);
  Mutex mutex;
  CondVar changed;
  int arrived = 0;
  for (int i = 0; i < 2; ++i) {
    pool.Schedule([&] {
      MutexLock lock(mutex);
      ++arrived;
      changed.NotifyAll();
      while (arrived < 2) changed.Wait(mutex);
    });
  }
  pool.WaitUntilIdle();
  EXPECT_EQ(arrived, 2);
}

TEST(ThreadPoolTest, IdlePoolDoesNotWait) {
  ThreadPool pool(1);
  pool.WaitUntilIdle();
  pool.WaitUntilIdle();
}

TEST(CondVarTest, WaitForEndsWithoutAWakeUp) {
  Mutex mutex;
  CondVar never;
  MutexLock lock(mutex);
  EXPECT_FALSE(never.WaitFor(mutex, absl::Microseconds(1)));
}

TEST(ThreadPoolDeathTest, NeedsAThread) {
  EXPECT_DEATH(ThreadPool(0), "check failed");
}

}  // namespace
}  // namespace shoal
