// How much time has passed since a budget was last looked at, counted so that
// no stretch of time counts twice, whatever happens to the clocks:
//
//  * Within a boot the clock that never goes back counts, alone: a calendar
//    that is set forwards or backwards changes nothing.
//  * Across a boot the time since the new boot counts, and the gap before it
//    as far as the calendar tells: from the latest time that it has ever shown,
//    and what has counted since, to the new boot. A calendar that is behind (a
//    dead battery, no RTC) tells of no gap; when it is put right later in that
//    boot, the gap counts then, once.
//
// A calendar that is ahead while the device boots makes a gap that was not
// there count once; that time does not count again when it really comes
// between two boots.
#ifndef SHOAL_CLIENT_LIMITS_CREDITED_TIME_H_
#define SHOAL_CLIENT_LIMITS_CREDITED_TIME_H_

#include <string>

#include "absl/time/time.h"
#include "client/limits/moment.h"

namespace shoal::client {

// What is remembered between two looks. A value type.
struct TimeCredit {
  std::string boot;           // empty: before the first look
  absl::Duration since_boot;  // at the last look
  // The latest time that the calendar has shown, moved on by all that counted.
  absl::Time latest_wall = absl::UnixEpoch();
  // The calendar has not told yet how long the device was off before `boot`.
  bool gap_is_open = false;
  friend bool operator==(const TimeCredit&, const TimeCredit&) = default;
};

// Neither is negative.
struct PassedTime {
  absl::Duration off;    // before this boot, though it may be known only now
  absl::Duration awake;  // in this boot
  friend bool operator==(const PassedTime&, const PassedTime&) = default;
};

// The time that has passed; moves `credit` to `now`. Zero at the first look.
PassedTime Advance(TimeCredit& credit, const Moment& now);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_CREDITED_TIME_H_
