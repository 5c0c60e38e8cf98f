// Many devices on one thread: what they wait for, the answers of calls, points
// in time and other threads, comes to one loop.
#ifndef SHOAL_SIMULATIONS_LOAD_CALL_LOOP_H_
#define SHOAL_SIMULATIONS_LOAD_CALL_LOOP_H_

#include <grpcpp/alarm.h>
#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace shoal::simulations {

// Used by one thread at a time, but for Post() and Stop().
class CallLoop {
 public:
  CallLoop() = default;
  // Waits for the operations that are still on the queue, which must be
  // cancelled, and forgets who expects them.
  ~CallLoop();
  CallLoop(const CallLoop&) = delete;
  CallLoop& operator=(const CallLoop&) = delete;

  // For operations; what they are to lead to is said by Expect().
  grpc::CompletionQueue& queue() { return queue_; }
  // Calls `then`, once, when the operation with that tag has ended. In place of
  // whoever expected it before.
  void Expect(void* tag, std::function<void(bool ok)> then);
  // Calls `then`, once, at that time of a monotonic RealClock or soon after.
  void At(absl::Duration time, std::function<void()> then);
  // The same as soon as may be. From any thread.
  void Post(std::function<void()> work) SHOAL_EXCLUDES(mutex_);

  // Does what is due, and what comes first within `wait`.
  void Turn(absl::Duration wait) SHOAL_EXCLUDES(mutex_);
  // Turns until it is told to stop.
  void Run() SHOAL_EXCLUDES(mutex_);
  // From any thread.
  void Stop() SHOAL_EXCLUDES(mutex_);

 private:
  struct Timer {
    absl::Duration time;
    uint64_t number;  // of two at the same time the older one comes first
    std::function<void()> then;
    bool operator>(const Timer& other) const {
      return time != other.time ? time > other.time : number > other.number;
    }
  };
  void DoWhatIsDue();
  void DoWhatWasPosted() SHOAL_EXCLUDES(mutex_);

  const RealClock clock_{};
  grpc::CompletionQueue queue_;
  absl::flat_hash_map<void*, std::function<void(bool)>> expected_;
  std::priority_queue<Timer, std::vector<Timer>, std::greater<>> timers_;
  uint64_t num_timers_ = 0;
  bool stopped_ = false;

  Mutex mutex_;
  std::vector<std::function<void()>> posted_ SHOAL_GUARDED_BY(mutex_);
  // Set while there is something in posted_, to wake the loop.
  grpc::Alarm alarm_ SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LOAD_CALL_LOOP_H_
