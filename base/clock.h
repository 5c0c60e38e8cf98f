// Time as a dependency: the coordinator and the device take a Clock, so that
// tests and the simulator run them in virtual time.
#ifndef SHOAL_BASE_CLOCK_H_
#define SHOAL_BASE_CLOCK_H_

#include "absl/time/time.h"
#include "base/mutex.h"

namespace shoal {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;

  // Wall-clock time. It may jump: use it for what is stored or shown.
  virtual absl::Time Now() const = 0;

  // Time since an arbitrary start; never goes back. Use it to measure.
  virtual absl::Duration Monotonic() const = 0;
};

// The machine's clocks.
class RealClock final : public Clock {
 public:
  absl::Time Now() const override;
  absl::Duration Monotonic() const override;
};

// A clock that stands still until it is told to move.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(absl::Time start = absl::UnixEpoch());

  absl::Time Now() const override SHOAL_EXCLUDES(mutex_);
  absl::Duration Monotonic() const override SHOAL_EXCLUDES(mutex_);

  // Moves both clocks. REQUIRES: `step` is not negative.
  void Advance(absl::Duration step) SHOAL_EXCLUDES(mutex_);

  // Makes the wall clock alone jump, by any amount.
  void JumpWallClock(absl::Duration step) SHOAL_EXCLUDES(mutex_);

 private:
  mutable Mutex mutex_;
  absl::Time now_ SHOAL_GUARDED_BY(mutex_);
  absl::Duration monotonic_ SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal

#endif  // SHOAL_BASE_CLOCK_H_
