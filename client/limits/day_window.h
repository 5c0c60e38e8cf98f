// A part of the day by local time.
#ifndef SHOAL_CLIENT_LIMITS_DAY_WINDOW_H_
#define SHOAL_CLIENT_LIMITS_DAY_WINDOW_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"

namespace shoal::client {

inline constexpr int kMinutesPerDay = 24 * 60;

// from > until: over midnight; from == until: all day.
struct DayWindow {
  int from_minute = 0;   // since midnight, [0, kMinutesPerDay)
  int until_minute = 0;  // likewise: the first that does not belong to it
  friend bool operator==(const DayWindow&, const DayWindow&) = default;

  bool Contains(int minute) const;
};

// "22:00-06:00". INVALID_ARGUMENT says what was expected.
absl::StatusOr<DayWindow> ParseDayWindow(absl::string_view text);
std::string ToString(const DayWindow& window);

// "06:05".
std::string ClockText(int minute);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_DAY_WINDOW_H_
