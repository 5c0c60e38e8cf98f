#include "protocol/schema/pattern.h"

#include <cstddef>
#include <limits>

#include "absl/algorithm/container.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "base/check.h"

namespace shoal::protocol::schema {
namespace {

// What one place of a pattern allows, and how often.
struct Place {
  absl::string_view set;  // "a-z0-9_.-"
  size_t min = 1;
  size_t max = 1;
};

size_t Number(absl::string_view digits) {
  size_t number = 0;
  SHOAL_CHECK(absl::SimpleAtoi(digits, &number));
  return number;
}

// Takes "*", "{n}" or "{m,n}" off the front of `pattern`, if it is there.
void TakeRepetition(absl::string_view& pattern, Place& place) {
  if (pattern.empty()) return;
  if (pattern[0] == '*') {
    place.min = 0;
    place.max = std::numeric_limits<size_t>::max();
    pattern.remove_prefix(1);
  } else if (pattern[0] == '{') {
    const size_t end = pattern.find('}');
    SHOAL_CHECK(end != absl::string_view::npos);
    const absl::string_view bounds = pattern.substr(1, end - 1);
    const size_t comma = bounds.find(',');
    place.min = Number(bounds.substr(0, comma));
    place.max = comma == absl::string_view::npos
                    ? place.min
                    : Number(bounds.substr(comma + 1));
    pattern.remove_prefix(end + 1);
  }
}

Place TakePlace(absl::string_view& pattern) {
  Place place;
  if (pattern[0] == '[') {
    const size_t end = pattern.find(']');
    SHOAL_CHECK(end != absl::string_view::npos && end > 1 && pattern[1] != '^');
    place.set = pattern.substr(1, end - 1);
    pattern.remove_prefix(end + 1);
  } else {
    SHOAL_CHECK(pattern.find_first_of("\\()+.?*{}^$|") != 0);
    place.set = pattern.substr(0, 1);
    pattern.remove_prefix(1);
  }
  TakeRepetition(pattern, place);
  return place;
}

bool IsInSet(char c, absl::string_view set) {
  for (size_t i = 0; i < set.size(); ++i) {
    if (i + 2 < set.size() && set[i + 1] == '-') {
      if (set[i] <= c && c <= set[i + 2]) return true;
      i += 2;
    } else if (set[i] == c) {
      return true;
    }
  }
  return false;
}

}  // namespace

bool IsChoice(absl::string_view pattern) {
  return pattern.find_first_of("[(*+.?{\\") == absl::string_view::npos;
}

bool Matches(absl::string_view text, absl::string_view pattern) {
  if (IsChoice(pattern)) {
    return absl::c_linear_search(absl::StrSplit(pattern, '|'), text);
  }
  while (!pattern.empty()) {
    const Place place = TakePlace(pattern);
    size_t count = 0;
    while (count < place.max && count < text.size() &&
           IsInSet(text[count], place.set)) {
      ++count;
    }
    if (count < place.min) return false;
    text.remove_prefix(count);
  }
  return text.empty();
}

}  // namespace shoal::protocol::schema
