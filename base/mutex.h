// A std::mutex with Clang annotations. Not absl::Mutex: in a prebuilt library
// the thread sanitizer does not see it and reports races that are none.
#ifndef SHOAL_BASE_MUTEX_H_
#define SHOAL_BASE_MUTEX_H_

#include <condition_variable>
#include <mutex>

#include "absl/time/time.h"
#include "base/thread_annotations.h"

namespace shoal {

class SHOAL_THREAD_ATTRIBUTE(capability("mutex")) Mutex {
 public:
  Mutex() = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;

  void Lock() SHOAL_THREAD_ATTRIBUTE(acquire_capability()) { mutex_.lock(); }
  void Unlock() SHOAL_THREAD_ATTRIBUTE(release_capability()) {
    mutex_.unlock();
  }

 private:
  friend class CondVar;
  std::mutex mutex_;
};

class SHOAL_THREAD_ATTRIBUTE(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex)
      SHOAL_THREAD_ATTRIBUTE(acquire_capability(mutex))
      : mutex_(mutex) {
    mutex_.Lock();
  }
  ~MutexLock() SHOAL_THREAD_ATTRIBUTE(release_capability()) { mutex_.Unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

// Condition variable of a Mutex. Wake-ups may be spurious: wait in a loop.
class CondVar {
 public:
  // REQUIRES: `mutex` is held by the caller.
  void Wait(Mutex& mutex) SHOAL_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    condition_.wait(lock);
    lock.release();
  }

  // Returns false when `timeout` passed without a wake-up.
  bool WaitFor(Mutex& mutex, absl::Duration timeout) SHOAL_REQUIRES(mutex) {
    std::unique_lock<std::mutex> lock(mutex.mutex_, std::adopt_lock);
    const bool woken =
        condition_.wait_for(lock, absl::ToChronoNanoseconds(timeout)) ==
        std::cv_status::no_timeout;
    lock.release();
    return woken;
  }

  void NotifyOne() { condition_.notify_one(); }
  void NotifyAll() { condition_.notify_all(); }

 private:
  std::condition_variable condition_;
};

}  // namespace shoal

#endif  // SHOAL_BASE_MUTEX_H_
