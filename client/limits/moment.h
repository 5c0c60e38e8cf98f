// When it is, as far as a device can know: which boot, how long since then,
// and what its calendar says, which may be wrong and may jump.
#ifndef SHOAL_CLIENT_LIMITS_MOMENT_H_
#define SHOAL_CLIENT_LIMITS_MOMENT_H_

#include <string>

#include "absl/time/time.h"
#include "base/clock.h"

namespace shoal::client {

struct Moment {
  std::string boot;           // not empty; differs from boot to boot
  absl::Duration since_boot;  // never goes back within a boot
  absl::Time wall;
  friend bool operator==(const Moment&, const Moment&) = default;
};

// Thread-safe.
class MomentSource {
 public:
  virtual ~MomentSource() = default;
  virtual Moment Now() const = 0;
};

// The machine's: the kernel's boot id, and a clock that goes on while the
// machine is suspended. Where the kernel does not tell its boot id, every
// process counts as a boot of its own.
class SystemMoments final : public MomentSource {
 public:
  explicit SystemMoments(const std::string& proc_root = "/proc");
  Moment Now() const override;

 private:
  std::string boot_;
  absl::Duration start_;  // of this boot, on the kernel's clock
};

// Those of a Clock, all in one boot: for simulations.
class ClockMoments final : public MomentSource {
 public:
  // `clock` must outlive this object.
  explicit ClockMoments(const Clock& clock) : clock_(clock) {}
  Moment Now() const override {
    return {"clock", clock_.Monotonic(), clock_.Now()};
  }

 private:
  const Clock& clock_;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_MOMENT_H_
