#include "client/meters/energy_counter.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/meters/sensor_file.h"

namespace shoal::client {
namespace {

constexpr double kJoulesPerMicrojoule = 1e-6;
// Readings at the same instant, and clocks that tick coarsely.
constexpr absl::Duration kLeastInterval = absl::Milliseconds(10);

}  // namespace

MicrojouleCounter::MicrojouleCounter(std::string path,
                                     std::optional<int64_t> range)
    : path_(std::move(path)), range_(range) {}

absl::StatusOr<double> MicrojouleCounter::Advance(absl::Duration now) {
  const absl::StatusOr<int64_t> value = ReadSensorNotNegative(path_);
  if (!value.ok()) return absl::UnavailableError(value.status().message());
  const std::optional<Reading> last =
      std::exchange(last_, Reading{*value, now});
  if (!last.has_value()) return 0;
  int64_t difference = *value - last->microjoules;
  if (difference < 0 && range_.has_value()) difference += *range_;
  if (difference < 0) {
    return Absurd(path_, *value,
                  absl::StrCat("at least ", last->microjoules,
                               " as before: it has started anew"));
  }
  const double joules = static_cast<double>(difference) * kJoulesPerMicrojoule;
  const absl::Duration elapsed = std::max(now - last->at, kLeastInterval);
  if (joules > kMostWatts * absl::ToDoubleSeconds(elapsed)) {
    return Absurd(path_, *value,
                  absl::StrCat("about ", last->microjoules,
                               " as before: it has jumped by ", joules, " J"));
  }
  return joules;
}

double PowerIntegral::Advance(double watts, absl::Duration now) {
  const std::optional<Reading> last = std::exchange(last_, Reading{watts, now});
  if (!last.has_value()) return 0;
  return (watts + last->watts) / 2 * absl::ToDoubleSeconds(now - last->at);
}

}  // namespace shoal::client
