#include "coordinator/service/engine_driver.h"

#include <algorithm>
#include <utility>

namespace shoal::coordinator {
namespace {

// The wall clock may jump: never sleep longer on its word.
constexpr absl::Duration kMaxSleep = absl::Seconds(5);

}  // namespace

EngineDriver::EngineDriver(RoundEngine& engine, const Clock& clock,
                           std::function<void(absl::Time)> after_advance)
    : engine_(engine),
      clock_(clock),
      after_advance_(std::move(after_advance)),
      thread_([this] { Run(); }) {}

EngineDriver::~EngineDriver() { Stop(); }

void EngineDriver::Poke() {
  {
    MutexLock lock(mutex_);
    if (poked_) return;
    poked_ = true;
  }
  changed_.NotifyOne();
}

void EngineDriver::Stop() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyOne();
  if (thread_.joinable()) thread_.join();
}

void EngineDriver::Run() {
  bool more = true;
  while (more) {
    const absl::Time next = engine_.Advance(clock_.Now());
    after_advance_(clock_.Now());
    more = WaitUntil(next);
  }
  engine_.Advance(clock_.Now());
}

bool EngineDriver::WaitUntil(absl::Time next) {
  const absl::Duration wait =
      std::clamp(next - clock_.Now(), absl::ZeroDuration(), kMaxSleep);
  const absl::Duration end = clock_.Monotonic() + wait;
  MutexLock lock(mutex_);
  while (!poked_ && !stopping_) {
    const absl::Duration left = end - clock_.Monotonic();
    if (left <= absl::ZeroDuration()) break;
    changed_.WaitFor(mutex_, left);
  }
  poked_ = false;
  return !stopping_;
}

}  // namespace shoal::coordinator
