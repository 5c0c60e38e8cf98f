#include "base/human_duration.h"

#include <cstdint>

#include "absl/strings/str_cat.h"

namespace shoal {
namespace {

constexpr absl::Duration kDay = absl::Hours(24);

// What is too small to matter beside the whole.
absl::Duration Precision(absl::Duration duration) {
  if (duration < absl::Seconds(1)) return absl::Milliseconds(1);
  if (duration < absl::Seconds(10)) return absl::Milliseconds(100);
  if (duration < absl::Hours(1)) return absl::Seconds(1);
  if (duration < kDay) return absl::Minutes(1);
  return absl::Hours(1);
}

std::string TwoUnits(absl::Duration duration, absl::Duration large,
                     const char* large_name, absl::Duration small,
                     const char* small_name) {
  absl::Duration rest;
  const int64_t whole = absl::IDivDuration(duration, large, &rest);
  std::string text = absl::StrCat(whole, " ", large_name);
  if (rest > absl::ZeroDuration()) {
    absl::StrAppend(&text, " ", rest / small, " ", small_name);
  }
  return text;
}

}  // namespace

std::string HumanDuration(absl::Duration duration) {
  if (duration == absl::InfiniteDuration()) return "forever";
  if (duration < absl::ZeroDuration()) {
    return absl::StrCat("-", HumanDuration(-duration));
  }
  const absl::Duration unit = Precision(duration);
  const absl::Duration rounded = absl::Floor(duration + unit / 2, unit);
  if (rounded == absl::ZeroDuration()) return "0 s";
  if (rounded < absl::Seconds(1)) {
    return absl::StrCat(absl::ToInt64Milliseconds(rounded), " ms");
  }
  if (rounded < absl::Minutes(1)) {
    return absl::StrCat(absl::ToDoubleSeconds(rounded), " s");
  }
  if (rounded < absl::Hours(1)) {
    return TwoUnits(rounded, absl::Minutes(1), "min", absl::Seconds(1), "s");
  }
  if (rounded < kDay) {
    return TwoUnits(rounded, absl::Hours(1), "h", absl::Minutes(1), "min");
  }
  return TwoUnits(rounded, kDay, "d", absl::Hours(1), "h");
}

}  // namespace shoal
