#include "client/transport/idle_watch.h"

#include "base/check.h"
#include "base/clock.h"

namespace shoal::client {
namespace {

int64_t NowNanos() { return absl::ToInt64Nanoseconds(RealClock().Monotonic()); }

}  // namespace

IdleWatch::Call::Call(IdleWatch& watch, absl::Duration window)
    : watch_(watch),
      window_nanos_(absl::ToInt64Nanoseconds(window)),
      moved_nanos_(NowNanos()) {
  watch_.Begin(this);
}

IdleWatch::Call::~Call() { watch_.End(); }

void IdleWatch::Call::Moved() { moved_nanos_ = NowNanos(); }

void IdleWatch::Call::Moved(absl::Duration window) {
  Moved();
  window_nanos_ = absl::ToInt64Nanoseconds(window);
}

IdleWatch::IdleWatch() : thread_([this] { Run(); }) {}

IdleWatch::~IdleWatch() {
  {
    MutexLock lock(mutex_);
    ending_ = true;
    changed_.NotifyAll();
  }
  thread_.join();
}

void IdleWatch::Cancel() {
  MutexLock lock(mutex_);
  cancelled_ = true;
  if (call_ != nullptr) call_->context_.TryCancel();
}

bool IdleWatch::cancelled() const {
  MutexLock lock(mutex_);
  return cancelled_;
}

void IdleWatch::Begin(Call* call) {
  MutexLock lock(mutex_);
  SHOAL_CHECK(call_ == nullptr);
  call_ = call;
  if (cancelled_) call->context_.TryCancel();
  changed_.NotifyAll();
}

void IdleWatch::End() {
  MutexLock lock(mutex_);
  call_ = nullptr;
}

// A call that ends or moves does not wake the thread: it looks again when the
// window that it knows of has passed.
void IdleWatch::Run() {
  MutexLock lock(mutex_);
  while (!ending_) {
    if (call_ == nullptr || call_->expired_) {
      changed_.Wait(mutex_);
      continue;
    }
    const int64_t left =
        call_->moved_nanos_ + call_->window_nanos_ - NowNanos();
    if (left > 0) {
      changed_.WaitFor(mutex_, absl::Nanoseconds(left));
      continue;
    }
    call_->expired_ = true;
    call_->context_.TryCancel();
  }
}

}  // namespace shoal::client
