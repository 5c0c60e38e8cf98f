#include "simulations/absences.h"

#include <algorithm>

#include "base/random.h"

namespace shoal::simulations {

bool Absences::IsAway(int64_t device, absl::Time now) const {
  const auto away = away_until_.find(device);
  return away != away_until_.end() && away->second > now;
}

void Absences::Send(int64_t device, const SessionNews& news, absl::Time now,
                    Arrivals& arrivals) {
  if (news.stays_away && !options_.asynchronous) {
    away_until_[device] = absl::InfiniteFuture();
    away_for_[news.round_id].push_back(device);
    return;
  }
  absl::Duration delay =
      std::max(options_.check_in_interval, news.next_check_in);
  if (news.stays_away) {
    delay = std::max(delay, options_.deadline);
    away_until_[device] = now + delay;
  }
  arrivals.OnIdle(device, now, delay);
}

void Absences::TakeBack(int64_t round, absl::Time now, Arrivals& arrivals) {
  const auto away = away_for_.find(round);
  if (away == away_for_.end()) return;
  // Not all at once, and not before everybody else.
  SeededRng rng(
      DeriveSeed(options_.seed, "back", {static_cast<uint64_t>(round)}));
  for (const int64_t device : away->second) {
    away_until_.erase(device);
    arrivals.OnIdle(device, now, options_.check_in_interval * rng.Uniform());
  }
  away_for_.erase(away);
}

}  // namespace shoal::simulations
