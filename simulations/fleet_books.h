// The books of a simulation: what all devices have done, and how their sessions
// with an assignment have ended.
#ifndef SHOAL_SIMULATIONS_FLEET_BOOKS_H_
#define SHOAL_SIMULATIONS_FLEET_BOOKS_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "simulations/simulated_device.h"

namespace shoal::simulations {

// Sums over all devices, of what they have done by then. Check-ins that are
// thinned out cost energy, and count as nothing else.
struct FleetTotals {
  int64_t sessions = 0;    // that have ended
  int64_t bytes_up = 0;    // updates, and messages to groups
  int64_t bytes_down = 0;  // models, and messages of groups
  double joules = 0;
  int64_t stayed_away = 0;  // sessions that limits did not let begin
};

// What is said of sessions with an assignment that the end of the run has found
// at work.
inline constexpr absl::string_view kUnderWay = "under_way";

// How the sessions with an assignment of one round have ended, by what is said
// of them: "contributed", "vanished", "abandoned", "refused", …
using RoundOutcomes = std::map<std::string, int64_t>;

// Thread-compatible.
class FleetBooks {
 public:
  // A session has ended, or the simulation has, before it.
  void Enter(int64_t device, const SessionNews& news);

  const FleetTotals& totals() const { return totals_; }
  // By round id; of failed ones, too.
  const std::map<int64_t, RoundOutcomes>& outcomes() const { return outcomes_; }
  // So far; none of a round of which no session has ended.
  RoundOutcomes OutcomesOf(int64_t round) const;

 private:
  void NoteOutcome(int64_t device, const SessionNews& news);

  FleetTotals totals_;
  std::map<int64_t, RoundOutcomes> outcomes_;
  // Of the devices' last assignments: the round, and how a session ended.
  struct Outcome {
    int64_t round = 0;
    std::string what;
  };
  absl::flat_hash_map<int64_t, Outcome> last_outcomes_;
};

// Adds what the session under way has done by `now`.
void AddWorkUnderWay(const SimulatedDevice& device, absl::Time now,
                     FleetTotals& totals);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_FLEET_BOOKS_H_
