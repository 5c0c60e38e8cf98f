#include "coordinator/engine/pace.h"

#include <algorithm>

namespace shoal::coordinator {
namespace {

// A burst of check-ins that costs a coordinator nothing worth avoiding.
constexpr absl::Duration kBurstPerDevice = absl::Milliseconds(1);
constexpr double kIdleCheckInsPerSecond = 100;
constexpr absl::Duration kShortestIdle = absl::Seconds(1);
// Weight of the newest round in the average: it follows a change within a few
// rounds, and one straggler does not upset it.
constexpr double kNewestWeight = 0.3;

}  // namespace

absl::Duration ArrivalWindow(const PaceInput& input) {
  const int64_t fleet = std::max<int64_t>(input.fleet_size, 1);
  const int64_t check_ins =
      std::max<int64_t>(input.admitted_per_round, 1) * kCheckInsPerAdmission;
  const absl::Duration spread =
      input.round_duration *
      (static_cast<double>(fleet) / static_cast<double>(check_ins));
  if (fleet > check_ins) return spread;
  return std::min(spread, kBurstPerDevice * fleet);
}

absl::Duration RetryDelay(const PaceInput& input, const PaceBounds& bounds,
                          double uniform) {
  const absl::Duration earliest =
      input.until_open +
      input.round_duration * static_cast<double>(input.rounds_to_sit_out);
  const absl::Duration window = ArrivalWindow(input);
  const absl::Duration delay = earliest + window * uniform;
  if (delay <= bounds.max_retry) return std::max(delay, bounds.min_retry);
  // Spread over what is left below the bound, or over its upper half: a fleet
  // that is all told the bound itself would come as one.
  const absl::Duration from =
      std::clamp(earliest, bounds.min_retry,
                 std::max(bounds.min_retry, bounds.max_retry / 2));
  return from + (bounds.max_retry - from) * uniform;
}

absl::Duration IdleDelay(int64_t fleet_size, const PaceBounds& bounds,
                         double uniform) {
  const absl::Duration mean = std::clamp(
      absl::Seconds(static_cast<double>(fleet_size) / kIdleCheckInsPerSecond),
      kShortestIdle, std::max(kShortestIdle, bounds.max_retry / 1.5));
  return std::clamp(mean * (0.5 + uniform), bounds.min_retry, bounds.max_retry);
}

absl::Duration LongDelay(const PaceBounds& bounds, double uniform) {
  return std::max(bounds.max_retry * (0.5 + uniform / 2), bounds.min_retry);
}

absl::Duration TimeLeft(absl::Duration elapsed, absl::Duration expected,
                        absl::Duration until_deadline) {
  elapsed = std::max(elapsed, absl::ZeroDuration());
  const absl::Duration guess = expected == absl::ZeroDuration()
                                   ? elapsed
                                   : std::max(expected - elapsed, elapsed / 8);
  return std::clamp(guess, absl::ZeroDuration(),
                    std::max(until_deadline, absl::ZeroDuration()));
}

absl::Duration BlendDuration(absl::Duration average, absl::Duration newest) {
  newest = std::max(newest, absl::ZeroDuration());
  if (average == absl::ZeroDuration()) return newest;
  return average * (1 - kNewestWeight) + newest * kNewestWeight;
}

absl::Duration FailureBackoff(int64_t failures, absl::Duration first,
                              absl::Duration longest) {
  if (failures <= 0) return absl::ZeroDuration();
  absl::Duration pause = first;
  for (int64_t i = 1; i < failures && pause < longest; ++i) pause *= 2;
  return std::min(pause, longest);
}

}  // namespace shoal::coordinator
