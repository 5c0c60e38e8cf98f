#include "client/limits/credited_time.h"

#include <algorithm>

namespace shoal::client {

PassedTime Advance(TimeCredit& credit, const Moment& now) {
  const bool first = credit.boot.empty();
  PassedTime passed;
  if (credit.boot == now.boot) {
    passed.awake =
        std::max(now.since_boot - credit.since_boot, absl::ZeroDuration());
    credit.since_boot = std::max(now.since_boot, credit.since_boot);
  } else {
    passed.awake = std::max(now.since_boot, absl::ZeroDuration());
    credit.boot = now.boot;
    credit.since_boot = passed.awake;
    credit.gap_is_open = true;
  }
  // Whatever counts moves the mark, so that no calendar can tell of it again.
  credit.latest_wall += passed.awake;
  const absl::Duration gap = now.wall - credit.latest_wall;
  if (credit.gap_is_open && gap > absl::ZeroDuration()) {
    passed.off = gap;
    credit.gap_is_open = false;
  }
  credit.latest_wall = std::max(credit.latest_wall, now.wall);
  if (!first) return passed;
  credit.gap_is_open = false;
  return {};
}

}  // namespace shoal::client
