#include "client/limits/moment.h"

#include <time.h>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/random.h"
#include "client/meters/sensor_file.h"

namespace shoal::client {
namespace {

absl::Duration KernelTime() {
  timespec now = {};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return absl::DurationFromTimespec(now);
}

}  // namespace

SystemMoments::SystemMoments(const std::string& proc_root)
    : boot_(ReadSensorText(
          absl::StrCat(proc_root, "/sys/kernel/random/boot_id"))) {
  if (!boot_.empty()) return;
  boot_ = absl::StrCat("process ", absl::Hex(SystemRng().Uint64()));
  start_ = KernelTime();
}

Moment SystemMoments::Now() const {
  return {boot_, KernelTime() - start_, absl::Now()};
}

}  // namespace shoal::client
