#include "client/limits/budget.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_format.h"

namespace shoal::client {
namespace {

struct Scale {
  double unit;
  const char* name;
};

// In the largest unit that leaves at least 1; REQUIRES: scales fall.
template <size_t kCount>
std::string Scaled(double value, const Scale (&scales)[kCount]) {
  const Scale* chosen = &scales[kCount - 1];
  for (const Scale& scale : scales) {
    if (std::abs(value) < scale.unit) continue;
    chosen = &scale;
    break;
  }
  return absl::StrFormat("%.3g %s", value / chosen->unit, chosen->name);
}

}  // namespace

Amounts LesserOf(const Amounts& a, const Amounts& b) {
  return {std::min(a.joules, b.joules),
          std::min(a.metered_bytes, b.metered_bytes)};
}

Amounts GreaterOf(const Amounts& a, const Amounts& b) {
  return {std::max(a.joules, b.joules),
          std::max(a.metered_bytes, b.metered_bytes)};
}

std::string JoulesText(double joules) {
  constexpr Scale kScales[] = {
      {1e6, "MJ"}, {1e3, "kJ"}, {1, "J"}, {1e-3, "mJ"}, {1e-6, "µJ"}};
  return joules == 0 ? "0 J" : Scaled(joules, kScales);
}

std::string BytesText(double bytes) {
  constexpr Scale kScales[] = {
      {1e9, "GB"}, {1e6, "MB"}, {1e3, "kB"}, {1, "bytes"}};
  return Scaled(bytes, kScales);
}

}  // namespace shoal::client
