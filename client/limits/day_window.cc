#include "client/limits/day_window.h"

#include <optional>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"

namespace shoal::client {
namespace {

constexpr int kMinutesPerHour = 60;

// The minute of "HH:MM", or nothing.
std::optional<int> ParseClock(absl::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  for (const size_t i : {0, 1, 3, 4}) {
    if (!absl::ascii_isdigit(text[i])) return std::nullopt;
  }
  const int hour = 10 * (text[0] - '0') + (text[1] - '0');
  const int minute = 10 * (text[3] - '0') + (text[4] - '0');
  if (hour >= 24 || minute >= kMinutesPerHour) return std::nullopt;
  return hour * kMinutesPerHour + minute;
}

}  // namespace

bool DayWindow::Contains(int minute) const {
  if (from_minute == until_minute) return true;
  const bool begun = minute >= from_minute;
  const bool ended = minute >= until_minute;
  return from_minute < until_minute ? begun && !ended : begun || !ended;
}

absl::StatusOr<DayWindow> ParseDayWindow(absl::string_view text) {
  const std::pair<absl::string_view, absl::string_view> ends =
      absl::StrSplit(text, absl::MaxSplits('-', 1));
  const std::optional<int> from = ParseClock(ends.first);
  const std::optional<int> until = ParseClock(ends.second);
  if (from.has_value() && until.has_value()) return DayWindow{*from, *until};
  return absl::InvalidArgumentError(
      absl::StrCat("'", text, "' is no part of a day, expected HH:MM-HH:MM"));
}

std::string ToString(const DayWindow& window) {
  return absl::StrCat(ClockText(window.from_minute), "-",
                      ClockText(window.until_minute));
}

std::string ClockText(int minute) {
  return absl::StrFormat("%02d:%02d", minute / kMinutesPerHour,
                         minute % kMinutesPerHour);
}

}  // namespace shoal::client
