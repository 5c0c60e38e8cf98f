#include "client/meters/network_route.h"

#include <cstdint>
#include <optional>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "base/file.h"

namespace shoal::client {
namespace {

constexpr uint64_t kMostBytes = uint64_t{1} << 20;
constexpr uint32_t kRouteUp = 0x1;
constexpr uint32_t kRouteRejects = 0x200;

// Where a line of one of the files holds what.
struct Columns {
  size_t count;
  size_t interface;
  size_t destination;
  size_t mask;
  size_t flags;
  size_t metric;
  int metric_base;  // of the number
};

constexpr Columns kIpv4 = {8, 0, 1, 7, 3, 6, 10};
constexpr Columns kIpv6 = {10, 9, 0, 1, 8, 5, 16};

bool IsZero(absl::string_view hex) {
  return hex.find_first_not_of('0') == absl::string_view::npos;
}

std::optional<uint32_t> Number(absl::string_view text, int base) {
  uint32_t value = 0;
  const bool ok = base == 16 ? absl::SimpleHexAtoi(text, &value)
                             : absl::SimpleAtoi(text, &value);
  if (!ok) return std::nullopt;
  return value;
}

// The interface of the best default route; "" when there is none.
std::string BestDefault(const std::string& text, const Columns& columns) {
  std::string best;
  uint32_t best_metric = UINT32_MAX;
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    const std::vector<absl::string_view> words =
        absl::StrSplit(line, absl::ByAnyChar(" \t"), absl::SkipEmpty());
    if (words.size() < columns.count) continue;
    const auto flags = Number(words[columns.flags], 16);
    const auto metric = Number(words[columns.metric], columns.metric_base);
    if (!flags.has_value() || !metric.has_value()) continue;  // the heading
    const bool usable =
        (*flags & kRouteUp) != 0 && (*flags & kRouteRejects) == 0;
    if (!usable || !IsZero(words[columns.destination]) ||
        !IsZero(words[columns.mask]) || *metric >= best_metric) {
      continue;
    }
    best = std::string(words[columns.interface]);
    best_metric = *metric;
  }
  return best;
}

}  // namespace

absl::StatusOr<std::string> DefaultInterface(const std::string& proc_root) {
  const auto ipv4 = ReadFile(absl::StrCat(proc_root, "/net/route"), kMostBytes);
  const auto ipv6 =
      ReadFile(absl::StrCat(proc_root, "/net/ipv6_route"), kMostBytes);
  if (!ipv4.ok() && !ipv6.ok()) {
    return absl::UnavailableError(ipv4.status().message());
  }
  std::string best = ipv4.ok() ? BestDefault(*ipv4, kIpv4) : "";
  if (best.empty() && ipv6.ok()) best = BestDefault(*ipv6, kIpv6);
  return best;
}

}  // namespace shoal::client
