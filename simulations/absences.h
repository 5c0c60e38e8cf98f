// Simulated devices that have vanished, and when they are back.
#ifndef SHOAL_SIMULATIONS_ABSENCES_H_
#define SHOAL_SIMULATIONS_ABSENCES_H_

#include <cstdint>
#include <map>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "simulations/arrivals.h"
#include "simulations/simulated_device.h"

namespace shoal::simulations {

struct AbsenceOptions {
  uint64_t seed = 0;
  // Who has vanished is back as soon as one that is turned away.
  absl::Duration check_in_interval = absl::Minutes(15);
  // Of a round; with asynchronous ones, a device that stays away is back when
  // its assignment is worth nothing any more.
  absl::Duration deadline = {};
  bool asynchronous = false;
};

// Thread-compatible.
class Absences {
 public:
  explicit Absences(const AbsenceOptions& options) : options_(options) {}

  // The device has vanished. It comes back to `arrivals`.
  void Send(int64_t device, const SessionNews& news, absl::Time now,
            Arrivals& arrivals);
  // The round is over: who was away for it is back.
  void TakeBack(int64_t round, absl::Time now, Arrivals& arrivals);
  bool IsAway(int64_t device, absl::Time now) const;

 private:
  const AbsenceOptions options_;
  // That are not heard of before then; and before the end of which round.
  absl::flat_hash_map<int64_t, absl::Time> away_until_;
  std::map<int64_t, std::vector<int64_t>> away_for_;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_ABSENCES_H_
