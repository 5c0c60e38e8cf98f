#include "client/meters/energy_meter.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace shoal::client {

absl::StatusOr<double> CallbackMeter::Joules() {
  const absl::StatusOr<double> now = joules_();
  if (!now.ok()) {
    return absl::UnavailableError(
        absl::StrCat("the energy callback: ", now.status().message()));
  }
  if (!std::isfinite(*now)) {
    has_last_ = false;
    return absl::UnavailableError(absl::StrCat(
        "the energy callback returned ", *now, ", expected a finite number"));
  }
  const double before = has_last_ ? last_ : *now;
  has_last_ = true;
  last_ = *now;
  if (*now < before) {
    return absl::UnavailableError(
        absl::StrCat("the energy callback returned ", *now, " J after ", before,
                     " J, expected at least as much"));
  }
  total_ += *now - before;
  return total_;
}

}  // namespace shoal::client
