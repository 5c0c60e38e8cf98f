// A whole federation in one process and in virtual time: the coordinator's
// engine over a store in memory, and devices that run the deployed device
// session. Transport, clock, power and data are simulated, and nothing else.
//
// Time moves from event to event: something arrives over a link, a training
// ends, the engine wants to be called. Events are handled one at a time, in the
// order of their times and of the devices' numbers; trainings alone are
// computed on several threads. So the same options lead to the same bytes,
// whatever the number of threads.
#ifndef SHOAL_SIMULATIONS_FEDERATION_H_
#define SHOAL_SIMULATIONS_FEDERATION_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/logging.h"
#include "configuration/task.h"
#include "coordinator/engine/privacy_report.h"
#include "coordinator/engine/rows.h"
#include "learning/parameters.h"
#include "simulations/counted_groups.h"
#include "simulations/crew.h"
#include "simulations/fleet_books.h"
#include "simulations/leaving_members.h"
#include "simulations/population.h"
#include "simulations/run_log.h"
#include "simulations/simulated_device.h"
#include "simulations/stragglers.h"
#include "simulations/training_pool.h"

namespace shoal::simulations {

// By device: of the model's private layers, [private layout], as its last
// training left them; only of devices that have trained some.
using PrivateValues = std::map<int64_t, learning::ParameterVector>;

// A round that was committed, or has failed.
struct RoundNews {
  coordinator::RoundRow row;
  absl::Duration time;  // since the start
  FleetTotals totals;
  // Of sessions that have ended by now; later ones are in FederationResult.
  RoundOutcomes outcomes;
  // The version that was committed, serialised; empty when the round failed.
  std::string model;
  // At that time; only while the news is told.
  std::function<absl::StatusOr<PrivateValues>()> private_values;
  // The devices that its sum counts, as IdentityOf() has their ids; likewise.
  std::function<absl::StatusOr<std::vector<std::string>>()> contributors;
  // PrivacyBooks::SpentEpsilon(); likewise. Empty for a task without privacy.
  std::function<absl::StatusOr<double>()> spent_epsilon;
};

struct FederationResult {
  // All versions of the model, the initial one first; without history the
  // newest alone.
  std::vector<coordinator::ModelRow> models;
  std::string final_model;  // serialised
  int64_t rounds_failed = 0;
  int64_t bytes_up = 0;  // as FleetTotals has them
  int64_t bytes_down = 0;
  double joules = 0;
  absl::Duration simulated_time;
  // Of the devices that had a session.
  std::map<int64_t, DeviceTotals> devices;
  std::map<int64_t, RoundOutcomes>
      outcomes;  // by round id; of failed ones, too
  TrainingPool::Totals trainings;
  GroupCounts groups;  // of secure aggregation
  std::optional<coordinator::PrivacyReport> privacy;
  std::string note;              // why the task ended before its last round
  PrivateValues private_values;  // at the end
};

struct FederationOptions {
  configuration::Task task;
  // Required; must outlive the run.
  const Population* population = nullptr;
  // Seeds the devices' training, as the agents' `seed` does.
  uint64_t seed = 0;
  int num_threads = 1;  // >= 1
  // Version 0, serialised; "": InitialModelOf().
  std::string initial_model = {};
  // The devices of each round (MakeScheduled in arrivals.h); empty: they come
  // by themselves.
  std::vector<std::vector<int64_t>> schedule = {};
  // Who does not do all of its work; empty: nobody.
  StragglerRule straggler = {};
  // Devices that send something else than they would train, though they take as
  // long; empty: there are none.
  CraftedUpdates crafted = {};
  // Of a task that asks for secure aggregation: whether its groups go through
  // the steps alone, without keys and masks, and who leaves them in the middle.
  bool skip_crypto = false;
  LeavingChances leaving_members = {};
  // In larger populations check-ins are thinned (MakeThinned in arrivals.h); 0:
  // devices are drawn (MakeDrawn there).
  int64_t thin_above = 20'000;
  // Devices that come by themselves come for the first time within it, each at
  // a time of its own: with all at once, the first ones would fill every
  // cohort.
  absl::Duration start_window = absl::Seconds(1);
  absl::Duration check_in_interval = absl::Minutes(15);  // of thinned ones
  // Simulated time after which a task that is not complete is given up.
  absl::Duration time_limit = absl::Hours(24 * 365);
  // Rounds, models and who took part are forgotten once they are over, but for
  // the newest: a long run needs no more memory than a short one.
  bool forget_history = false;
  // Asked between events; no ends the run with CANCELLED. May be empty.
  std::function<bool()> keep_going = {};
  // After every round. An error ends the run with it. May be empty.
  std::function<absl::Status(const RoundNews&)> on_round = {};
  // Of the run, or of the one that it goes on with. May be null; must outlive
  // the run.
  RunLog* run_log = nullptr;
  // Of which this process is one; may be null; must outlive the run.
  Crew* crew = nullptr;
  // When the run ends with an error after its start: what it has come to by
  // then. May be empty.
  std::function<void(FederationResult)> on_unfinished = {};
  // After every session. May be empty.
  std::function<void(int64_t device, const SessionNews&)> on_session = {};
  Logger* log = nullptr;  // may be null; must outlive the run
};

// Runs the task to its end. INVALID_ARGUMENT without devices or when the task
// cannot be created; DEADLINE_EXCEEDED at the time limit, and as Patience has
// it.
absl::StatusOr<FederationResult> RunFederation(
    const FederationOptions& options);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_FEDERATION_H_
