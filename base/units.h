// Quantities as people write them in files: 60s, 32MiB, 5J.
#ifndef SHOAL_BASE_UNITS_H_
#define SHOAL_BASE_UNITS_H_

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace shoal {

// A decimal number and a unit, nothing between them. Nothing when the text is
// anything else, or the value does not fit.
//   durations: ns us ms s min h d
//   sizes:     B kB MB GB TB KiB MiB GiB TiB; whole bytes
//   energy:    mJ J kJ MJ; the result is in joules
std::optional<absl::Duration> ParseDuration(absl::string_view text);
std::optional<uint64_t> ParseSize(absl::string_view text);
std::optional<double> ParseEnergy(absl::string_view text);

// In the largest unit that needs no fraction: "10min", "32MiB", "200mJ".
std::string DurationText(absl::Duration duration);
std::string SizeText(uint64_t num_bytes);
std::string EnergyText(double joules);
// Whole numbers without an exponent up to 10^15.
std::string NumberText(double number);

}  // namespace shoal

#endif  // SHOAL_BASE_UNITS_H_
