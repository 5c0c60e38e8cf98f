// The limits of a real device: its clocks, meters and files, and the Limits
// made from them.
#ifndef SHOAL_CLIENT_DEVICE_LIMITS_H_
#define SHOAL_CLIENT_DEVICE_LIMITS_H_

#include <functional>
#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "client/include/shoal/client.h"
#include "client/limits/limits.h"

namespace shoal::client {

// What the embedder tells; both may be empty.
struct DeviceCallbacks {
  std::function<void(DeviceReadings&)> device_state;
  std::function<absl::StatusOr<double>()> joules;
};

// Owns a Limits and everything that it uses. One thread.
class OpenLimits {
 public:
  virtual ~OpenLimits() = default;
  virtual Limits& limits() = 0;
};

// Keeps its books in budgets.bin and costs.bin of `state_folder`, whose lock
// the caller holds. `clock`, which must outlive the result, tells sessions and
// conditions the time; days are told by the system's clocks. INVALID_ARGUMENT
// names the setting that is wrong, a meter that is not there included; else
// errors of the storage.
absl::StatusOr<std::unique_ptr<OpenLimits>> OpenDeviceLimits(
    const DeviceLimits& options, const std::string& state_folder,
    const Clock& clock, DeviceCallbacks callbacks);

// Budgets, rules and costs; not the sensors. INVALID_ARGUMENT names the setting
// that is wrong.
absl::StatusOr<LimitsOptions> LimitsOptionsFrom(const DeviceLimits& limits);

// For people and scripts.
BudgetStatus StatusOf(const LimitsReport& report);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_DEVICE_LIMITS_H_
