// Who comes to the coordinator, and when.
#ifndef SHOAL_SIMULATIONS_ARRIVALS_H_
#define SHOAL_SIMULATIONS_ARRIVALS_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "coordinator/engine/round_engine.h"
#include "simulations/population.h"

namespace shoal::simulations {

// A device begins a session at that time, if it is idle then.
struct Arrival {
  absl::Time time;
  int64_t device = 0;
};

// What arrivals depend on. References outlive them.
struct ArrivalSite {
  const Population* population = nullptr;
  uint64_t seed = 0;
  // Plans an arrival; a later one of the same device replaces it.
  std::function<void(const Arrival&)> plan;
  std::function<bool(int64_t device)> is_busy;
};

// One thread.
class Arrivals {
 public:
  virtual ~Arrivals() = default;
  virtual void Start(absl::Time now) = 0;
  // A session has ended; its device was told to come back in `delay`.
  virtual void OnIdle(int64_t device, absl::Time now, absl::Duration delay) = 0;
  // The task's round may have moved on.
  virtual void OnRound(const coordinator::RoundStanding& round,
                       absl::Time now) = 0;
  // When to call OnRound again, whatever happens.
  virtual absl::Time next() const { return absl::InfiniteFuture(); }
};

// Every device for itself, as deployed: first somewhen within `window`, and
// then when it was told to.
std::unique_ptr<Arrivals> MakeEveryDevice(const ArrivalSite& site,
                                          absl::Duration window);

// For populations of which few are ever needed at a time: check-ins are a
// Poisson process, in which every device comes once per `interval` on average,
// and which is followed only while the round has free places. Check-ins that
// would be sent away are thus left out, and nothing else: a Poisson process has
// no memory. Devices that are busy or not available are drawn and passed over.
std::unique_ptr<Arrivals> MakeThinned(const ArrivalSite& site,
                                      absl::Duration interval);

// The devices of each round are given: rounds[k] come as soon as the task's
// k-th attempt at a round has opened, in that order, or when they are idle;
// after the last attempt the list starts anew. REQUIRES: at least one round.
std::unique_ptr<Arrivals> MakeScheduled(
    const ArrivalSite& site, std::vector<std::vector<int64_t>> rounds);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_ARRIVALS_H_
