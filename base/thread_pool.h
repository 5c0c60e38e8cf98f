// A fixed number of threads and a queue.
#ifndef SHOAL_BASE_THREAD_POOL_H_
#define SHOAL_BASE_THREAD_POOL_H_

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "base/mutex.h"

namespace shoal {

// Thread-safe. Work runs in the order it was given, on any of the threads.
class ThreadPool {
 public:
  // REQUIRES: num_threads >= 1.
  explicit ThreadPool(int num_threads);
  // Runs what is still queued, then joins.
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  void Schedule(std::function<void()> work) SHOAL_EXCLUDES(mutex_);

  // Returns when nothing is queued or running.
  void WaitUntilIdle() SHOAL_EXCLUDES(mutex_);

 private:
  void Run() SHOAL_EXCLUDES(mutex_);

  Mutex mutex_;
  CondVar changed_;
  std::deque<std::function<void()>> queue_ SHOAL_GUARDED_BY(mutex_);
  int running_ SHOAL_GUARDED_BY(mutex_) = 0;
  bool stopping_ SHOAL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace shoal

#endif  // SHOAL_BASE_THREAD_POOL_H_
