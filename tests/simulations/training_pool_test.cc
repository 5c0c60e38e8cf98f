#include "simulations/training_pool.h"

#include <atomic>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/support/status_matchers.h"

namespace shoal::simulations {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

class TrainingPoolTest : public ::testing::Test {
 protected:
  TrainingJob Job(int device, int needed, double flops = 1) {
    TrainingJob job;
    job.needed = absl::FromUnixSeconds(needed);
    job.device = device;
    job.flops = flops;
    job.num_bytes = 100;
    job.compute = [this, device]() -> absl::StatusOr<learning::LocalUpdate> {
      MutexLock lock(mutex_);
      computed_.push_back(device);
      learning::LocalUpdate update;
      update.num_steps = device;
      return update;
    };
    return job;
  }
  std::vector<int> computed() {
    MutexLock lock(mutex_);
    return computed_;
  }

 private:
  Mutex mutex_;
  std::vector<int> computed_ SHOAL_GUARDED_BY(mutex_);
};

TEST_F(TrainingPoolTest, NothingIsComputedUntilSomebodyWaits) {
  TrainingPool pool({.num_threads = 3});
  TrainingPool::Handle first = pool.Add(Job(1, 10));
  EXPECT_THAT(computed(), IsEmpty());
  SHOAL_ASSERT_OK_AND_ASSIGN(const learning::LocalUpdate update, first.Await());
  EXPECT_EQ(update.num_steps, 1);
}

TEST_F(TrainingPoolTest, WhatIsNeededSoonIsComputedTogetherLongestFirst) {
  TrainingPool pool({.num_threads = 1});
  std::vector<TrainingPool::Handle> handles;
  handles.push_back(pool.Add(Job(1, 10, 1)));
  handles.push_back(pool.Add(Job(2, 20, 3)));
  handles.push_back(pool.Add(Job(3, 30, 2)));
  SHOAL_ASSERT_OK(handles[0].Await().status());
  EXPECT_THAT(computed(), ElementsAre(2, 3, 1));
}

TEST_F(TrainingPoolTest, NoMoreIsComputedThanIsWanted) {
  TrainingPool pool({.num_threads = 1, .num_wanted = [] { return 2; }});
  std::vector<TrainingPool::Handle> handles;
  for (int i = 0; i < 5; ++i) {
    handles.push_back(pool.Add(Job(i, 10 + i, /*flops=*/i)));
  }
  SHOAL_ASSERT_OK(handles[0].Await().status());
  EXPECT_THAT(computed(), UnorderedElementsAre(0, 1));
  // The one that is held counts.
  SHOAL_ASSERT_OK(handles[2].Await().status());
  EXPECT_THAT(computed(), UnorderedElementsAre(0, 1, 2));
}

TEST_F(TrainingPoolTest, ResultsThatAreHeldAreBounded) {
  TrainingPool pool({.num_threads = 1, .max_result_bytes = 150});
  std::vector<TrainingPool::Handle> handles;
  for (int i = 0; i < 5; ++i) {
    handles.push_back(pool.Add(Job(i, 10 + i, /*flops=*/i)));
  }
  SHOAL_ASSERT_OK(handles[0].Await().status());
  EXPECT_THAT(computed(), UnorderedElementsAre(0, 1));
}

TEST_F(TrainingPoolTest, WhatNobodyWantsAnyMoreIsNotComputed) {
  TrainingPool pool({.num_threads = 1});
  TrainingJob stale = Job(1, 10);
  stale.is_wanted = [] { return false; };
  const TrainingPool::Handle first = pool.Add(std::move(stale));
  TrainingPool::Handle second = pool.Add(Job(2, 20));
  SHOAL_ASSERT_OK(second.Await().status());
  EXPECT_THAT(computed(), ElementsAre(2));
}

TEST_F(TrainingPoolTest, WhatIsDroppedIsNotComputed) {
  TrainingPool pool({.num_threads = 2});
  TrainingPool::Handle kept = pool.Add(Job(1, 20));
  { TrainingPool::Handle dropped = pool.Add(Job(2, 10)); }
  SHOAL_ASSERT_OK(kept.Await().status());
  EXPECT_THAT(computed(), ElementsAre(1));
  EXPECT_EQ(pool.totals().num_trainings, 1);
}

TEST_F(TrainingPoolTest, ErrorsReachTheOneWhoWaits) {
  TrainingPool pool({.num_threads = 2});
  TrainingJob job = Job(1, 10);
  job.compute = [] { return absl::AbortedError("grew beyond all bounds"); };
  TrainingPool::Handle handle = pool.Add(std::move(job));
  EXPECT_THAT(handle.Await().status(),
              testing::StatusIs(absl::StatusCode::kAborted));
}

TEST_F(TrainingPoolTest, ManyThreadsComputeEveryTrainingOnce) {
  std::atomic<int> runs = 0;
  TrainingPool pool({.num_threads = 4});
  std::vector<TrainingPool::Handle> handles;
  for (int i = 0; i < 500; ++i) {
    TrainingJob job = Job(i, i);
    job.compute = [&runs, i]() -> absl::StatusOr<learning::LocalUpdate> {
      ++runs;
      learning::LocalUpdate update;
      update.num_steps = i;
      return update;
    };
    handles.push_back(pool.Add(std::move(job)));
  }
  for (int i = 0; i < 500; ++i) {
    SHOAL_ASSERT_OK_AND_ASSIGN(const learning::LocalUpdate update,
                               handles[i].Await());
    EXPECT_EQ(update.num_steps, i);
  }
  EXPECT_EQ(runs, 500);
}

}  // namespace
}  // namespace shoal::simulations
