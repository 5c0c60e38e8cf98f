#include "simulations/load/call_loop.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace shoal::simulations {

CallLoop::~CallLoop() {
  {
    MutexLock lock(mutex_);
    alarm_.Cancel();
  }
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

void CallLoop::Expect(void* tag, std::function<void(bool ok)> then) {
  expected_[tag] = std::move(then);
}

void CallLoop::At(absl::Duration time, std::function<void()> then) {
  timers_.push({time, num_timers_++, std::move(then)});
}

void CallLoop::Post(std::function<void()> work) {
  MutexLock lock(mutex_);
  posted_.push_back(std::move(work));
  if (posted_.size() > 1) return;
  alarm_.Set(&queue_, gpr_now(GPR_CLOCK_MONOTONIC), &alarm_);
}

void CallLoop::DoWhatIsDue() {
  const absl::Duration now = clock_.Monotonic();
  while (!timers_.empty() && timers_.top().time <= now) {
    const std::function<void()> then = timers_.top().then;
    timers_.pop();
    then();
  }
}

void CallLoop::DoWhatWasPosted() {
  std::vector<std::function<void()>> posted;
  {
    MutexLock lock(mutex_);
    posted.swap(posted_);
  }
  for (const std::function<void()>& work : posted) work();
}

void CallLoop::Turn(absl::Duration wait) {
  DoWhatIsDue();
  if (!timers_.empty()) {
    wait = std::min(wait, timers_.top().time - clock_.Monotonic());
  }
  wait = std::max(wait, absl::ZeroDuration());
  void* tag = nullptr;
  bool ok = false;
  const auto deadline = gpr_time_add(
      gpr_now(GPR_CLOCK_MONOTONIC),
      gpr_time_from_nanos(absl::ToInt64Nanoseconds(wait), GPR_TIMESPAN));
  const auto state = queue_.AsyncNext(&tag, &ok, deadline);
  if (state != grpc::CompletionQueue::GOT_EVENT) return;
  if (tag == &alarm_) return DoWhatWasPosted();
  const auto found = expected_.find(tag);
  SHOAL_CHECK(found != expected_.end());
  const std::function<void(bool)> then = std::move(found->second);
  expected_.erase(found);
  then(ok);
}

void CallLoop::Run() {
  while (!stopped_) Turn(absl::InfiniteDuration());
}

void CallLoop::Stop() {
  Post([this] { stopped_ = true; });
}

}  // namespace shoal::simulations
