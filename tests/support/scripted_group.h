// What stands in for a group of secure aggregation where its calls are tested:
// it takes everything, and answers what it is told to, when it is told to.
#ifndef SHOAL_TESTS_SUPPORT_SCRIPTED_GROUP_H_
#define SHOAL_TESTS_SUPPORT_SCRIPTED_GROUP_H_

#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "protocol/messages.h"

namespace shoal::testing {

// Thread-safe.
class ScriptedGroup {
 public:
  void set_answer(absl::StatusOr<protocol::AggregateAnswer> answer)
      SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    answer_ = std::move(answer);
  }
  absl::StatusOr<protocol::AggregateAnswer> answer() const
      SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return answer_;
  }

  // From Hold() to Release() nothing is answered.
  void Hold() SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    is_held_ = true;
  }
  void Release() SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    is_held_ = false;
    changed_.NotifyAll();
  }
  bool is_held() const SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return is_held_;
  }

  void Receive(protocol::AggregateRequest request) SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    requests_.push_back(std::move(request));
  }
  std::vector<protocol::AggregateRequest> requests() const
      SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    return requests_;
  }

  // All of it, for callers with a thread of their own.
  absl::StatusOr<protocol::AggregateAnswer> Answer(
      const protocol::AggregateRequest& request) SHOAL_EXCLUDES(mutex_) {
    MutexLock lock(mutex_);
    requests_.push_back(request);
    while (is_held_) changed_.Wait(mutex_);
    return answer_;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  bool is_held_ SHOAL_GUARDED_BY(mutex_) = false;
  absl::StatusOr<protocol::AggregateAnswer> answer_ SHOAL_GUARDED_BY(mutex_) =
      protocol::AggregateAnswer{{}, protocol::GroupWait{}};
  std::vector<protocol::AggregateRequest> requests_ SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal::testing

#endif  // SHOAL_TESTS_SUPPORT_SCRIPTED_GROUP_H_
