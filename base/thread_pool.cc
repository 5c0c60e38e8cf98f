#include "base/thread_pool.h"

#include <utility>

#include "base/check.h"

namespace shoal {

ThreadPool::ThreadPool(int num_threads) {
  SHOAL_CHECK(num_threads >= 1);
  for (int i = 0; i < num_threads; ++i) {
    threads_.emplace_back([this] { Run(); });
  }
}

ThreadPool::~ThreadPool() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads_) thread.join();
}

void ThreadPool::Schedule(std::function<void()> work) {
  MutexLock lock(mutex_);
  queue_.push_back(std::move(work));
  changed_.NotifyAll();
}

void ThreadPool::WaitUntilIdle() {
  MutexLock lock(mutex_);
  while (!queue_.empty() || running_ > 0) changed_.Wait(mutex_);
}

void ThreadPool::Run() {
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(mutex_);
      while (queue_.empty() && !stopping_) changed_.Wait(mutex_);
      if (queue_.empty()) return;
      work = std::move(queue_.front());
      queue_.pop_front();
      ++running_;
    }
    work();
    MutexLock lock(mutex_);
    --running_;
    if (queue_.empty() && running_ == 0) changed_.NotifyAll();
  }
}

}  // namespace shoal
