#include "base/clock.h"

#include <chrono>

#include "absl/time/clock.h"
#include "base/check.h"

namespace shoal {

absl::Time RealClock::Now() const { return absl::Now(); }

absl::Duration RealClock::Monotonic() const {
  return absl::FromChrono(std::chrono::steady_clock::now().time_since_epoch());
}

VirtualClock::VirtualClock(absl::Time start)
    : now_(start), monotonic_(absl::ZeroDuration()) {}

absl::Time VirtualClock::Now() const {
  MutexLock lock(mutex_);
  return now_;
}

absl::Duration VirtualClock::Monotonic() const {
  MutexLock lock(mutex_);
  return monotonic_;
}

void VirtualClock::Advance(absl::Duration step) {
  SHOAL_CHECK(step >= absl::ZeroDuration());
  MutexLock lock(mutex_);
  now_ += step;
  monotonic_ += step;
}

void VirtualClock::JumpWallClock(absl::Duration step) {
  MutexLock lock(mutex_);
  now_ += step;
}

}  // namespace shoal
