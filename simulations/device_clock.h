// The time of one simulated device. While it trains it runs ahead of the
// simulation's: nothing that others do can reach it then.
#ifndef SHOAL_SIMULATIONS_DEVICE_CLOCK_H_
#define SHOAL_SIMULATIONS_DEVICE_CLOCK_H_

#include <algorithm>

#include "absl/time/time.h"
#include "base/check.h"
#include "base/clock.h"

namespace shoal::simulations {

// One thread.
class DeviceClock final : public Clock {
 public:
  explicit DeviceClock(absl::Time now) : now_(now) {}

  absl::Time Now() const override { return now_; }
  absl::Duration Monotonic() const override { return now_ - absl::UnixEpoch(); }

  // REQUIRES: `step` is not negative.
  void Advance(absl::Duration step) {
    SHOAL_CHECK(step >= absl::ZeroDuration());
    now_ += step;
  }
  // The simulation's time, or where the device has run ahead to, whichever is
  // later.
  void AdvanceTo(absl::Time time) { now_ = std::max(now_, time); }
  // What the device has run ahead for does not come to pass.
  void Rewind(absl::Time time) { now_ = std::min(now_, time); }

 private:
  absl::Time now_;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_DEVICE_CLOCK_H_
