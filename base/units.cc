#include "base/units.h"

#include <cmath>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/types/span.h"

namespace shoal {
namespace {

struct UnitName {
  absl::string_view name;
  double factor;
};

// Largest first: the order in which they are tried for printing.
constexpr UnitName kDurations[] = {{"d", 86400}, {"h", 3600},  {"min", 60},
                                   {"s", 1},     {"ms", 1e-3}, {"us", 1e-6},
                                   {"ns", 1e-9}};
constexpr UnitName kSizes[] = {{"TiB", 1099511627776.0},
                               {"TB", 1e12},
                               {"GiB", 1073741824.0},
                               {"GB", 1e9},
                               {"MiB", 1048576.0},
                               {"MB", 1e6},
                               {"KiB", 1024.0},
                               {"kB", 1e3},
                               {"B", 1}};
constexpr UnitName kEnergies[] = {
    {"MJ", 1e6}, {"kJ", 1e3}, {"J", 1}, {"mJ", 1e-3}};

// Beyond it doubles no longer hold every whole number.
constexpr double kLargestWhole = 9007199254740992.0;

// The value in the table's base unit. Digits and a point only: no sign, no
// exponent, no "inf".
std::optional<double> Parse(absl::string_view text,
                            absl::Span<const UnitName> units) {
  size_t digits = 0;
  while (digits < text.size() &&
         (absl::ascii_isdigit(text[digits]) || text[digits] == '.')) {
    ++digits;
  }
  double number = 0;
  if (!absl::SimpleAtod(text.substr(0, digits), &number)) return std::nullopt;
  for (const UnitName& unit : units) {
    if (unit.name == text.substr(digits)) return number * unit.factor;
  }
  return std::nullopt;
}

// `value` in the first unit in which it is whole, or in the last one.
std::string Format(double value, absl::Span<const UnitName> units,
                   absl::string_view base_unit) {
  if (value == 0) return absl::StrCat("0", base_unit);
  for (const UnitName& unit : units) {
    const double count = value / unit.factor;
    const double rounded = std::round(count);
    if (rounded != 0 && std::abs(count - rounded) < 1e-9 * std::abs(count)) {
      return absl::StrCat(NumberText(rounded), unit.name);
    }
  }
  return absl::StrCat(NumberText(value / units.back().factor),
                      units.back().name);
}

}  // namespace

std::optional<absl::Duration> ParseDuration(absl::string_view text) {
  const std::optional<double> seconds = Parse(text, kDurations);
  if (!seconds.has_value() || *seconds > kLargestWhole) return std::nullopt;
  // Through nanoseconds where they fit, so that 0.1s is exactly 100 ms.
  if (*seconds < 1e6) return absl::Nanoseconds(std::round(*seconds * 1e9));
  return absl::Seconds(*seconds);
}

std::optional<uint64_t> ParseSize(absl::string_view text) {
  const std::optional<double> num_bytes = Parse(text, kSizes);
  if (!num_bytes.has_value() || *num_bytes > kLargestWhole ||
      std::floor(*num_bytes) != *num_bytes) {
    return std::nullopt;
  }
  return static_cast<uint64_t>(*num_bytes);
}

std::optional<double> ParseEnergy(absl::string_view text) {
  const std::optional<double> joules = Parse(text, kEnergies);
  if (!joules.has_value() || !std::isfinite(*joules)) return std::nullopt;
  return joules;
}

std::string DurationText(absl::Duration duration) {
  return Format(absl::ToDoubleSeconds(duration), kDurations, "s");
}

std::string SizeText(uint64_t num_bytes) {
  return Format(static_cast<double>(num_bytes), kSizes, "B");
}

std::string EnergyText(double joules) { return Format(joules, kEnergies, "J"); }

std::string NumberText(double number) {
  if (std::floor(number) == number && std::abs(number) <= 1e15) {
    return absl::StrCat(static_cast<int64_t>(number));
  }
  return absl::StrCat(number);
}

}  // namespace shoal
