// Decides, for one device, whether a session may begin, how much of a plan it
// can afford, and when it has to stop. All that it knows of the world is
// injected, so that simulations run this very code on a virtual meter.
//
//   Verdict verdict = governor.BeginSession(check_in, std::nullopt);
//   if (!verdict.ok()) …                    // come back in verdict.retry_after
//   … check in …
//   Choice choice = governor.ChoosePlan(assignment, menu, done);
//   … fetch, asking DuringTransfer() at every chunk …
//   while (steps are left && governor.BeforeStep(done).ok()) … step …
//   if (governor.BeforeUpload(upload, done).ok()) {
//     … upload, asking DuringTransfer() at every chunk …
//   }
//   governor.EndSession(done);
//
// `done` is always all that the session has done so far. The guarantee: what a
// device spends exceeds its budgets by no more than what one mini-batch (or one
// chunk) and the upload behind it took. A crash inside a mini-batch that takes
// more than was calculated for it and the upload together loses sight of the
// excess; so do bytes of the quarter of a second in which a network that costs
// nothing becomes one that does.
#ifndef SHOAL_CLIENT_LIMITS_GOVERNOR_H_
#define SHOAL_CLIENT_LIMITS_GOVERNOR_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/clock.h"
#include "client/limits/budget.h"
#include "client/limits/budget_ledger.h"
#include "client/limits/conditions.h"
#include "client/limits/device_readings.h"
#include "client/limits/learned_costs.h"
#include "client/limits/plan_cost.h"
#include "client/limits/spending.h"
#include "client/meters/energy_meter.h"
#include "protocol/messages.h"

namespace shoal::client {

// All must outlive the governor; only `meter` and `readings` may be null.
struct GovernorParts {
  const Clock* clock = nullptr;
  EnergyMeter* meter = nullptr;        // null: energy is calculated
  ReadingsSource* readings = nullptr;  // null: nothing can be told
  Conditions* conditions = nullptr;
  BudgetLedger* ledger = nullptr;
  LearnedCosts* costs = nullptr;
};

struct Verdict {
  enum Kind {
    kGo,
    kPause,  // the conditions may be right again within the session
    kStop,   // a budget is used up: this session gets no more of it
  };
  Kind kind = kGo;
  // The rest unless kGo.
  protocol::AbandonReason reason = protocol::AbandonReason::kConditions;
  std::string why;             // for people
  absl::Duration retry_after;  // when the answer may be another

  bool ok() const { return kind == kGo; }
};

// What a governor has to know of an assignment.
struct RoundOffer {
  RoundKey round;
  double joules = kUnlimited;  // the task's limit
  absl::Duration time_left = absl::InfiniteDuration();
};

// One thread; one session at a time.
class Governor {
 public:
  explicit Governor(const GovernorParts& parts);

  // Before anything is sent: `first` is what the first exchange takes, with
  // `round` when it goes on with the upload of an earlier session. On kGo the
  // exchange is reserved, and EndSession must follow.
  Verdict BeginSession(const Work& first, const std::optional<RoundKey>& round);

  struct Choice {
    Verdict verdict;
    size_t index = 0;       // into the menu, with kGo
    int64_t num_steps = 0;  // of it that can be afforded, nine times in ten
    // Why it is not the first entry: kEnergy, kBytes, or kConditions when the
    // round has too little time. Absent with index 0.
    std::optional<protocol::AbandonReason> less_for = {};
  };
  // The way to run a plan that is worth most of those that can be afforded;
  // the first of equals. Some steps may be too many: BeforeStep tells. All of
  // it is reserved. kPause when the conditions do not hold any more. REQUIRES:
  // a session, a menu that is not empty.
  Choice ChoosePlan(const RoundOffer& offer, absl::Span<const PlanCost> menu,
                    const Work& done);

  // At every chunk that is received or sent: whether the rest and, before it is
  // sent, the upload can be afforded. REQUIRES: a session.
  Verdict DuringTransfer(const Work& done);
  // Whether the next mini-batch and the upload can be afforded. After kPause
  // ask again within a second: waiting takes energy too. Allocates only when it
  // says no or enlarges the reservation. REQUIRES: a plan was chosen.
  Verdict BeforeStep(const Work& done);
  // Before each attempt to send the update of `upload`. The first is always
  // within the budget: it was kept in reserve. REQUIRES: a session.
  Verdict BeforeUpload(const Work& upload, const Work& done);

  // Settles the budgets. Errors are those of the storage; the session's
  // spending counts in any case. REQUIRES: a session.
  absl::Status EndSession(const Work& done);

  // Between a plan that no round allows and the next look at one.
  struct Rest {
    Verdict verdict;  // on the plan
    absl::Duration length;
    absl::Duration end;  // on the monotonic clock
  };
  // What it knows of the last plans that were too dear. A process that ends
  // loses it: its device asks again.
  struct Waits {
    Amounts wanted;            // what the last one needed
    std::optional<Rest> rest;  // the last, since a plan was chosen
  };
  const Waits& waits() const { return waits_; }
  // REQUIRES: no session.
  void set_waits(Waits waits) { waits_ = std::move(waits); }

  // Of the running session, or of the last one.
  const Amounts& spent() const { return spent_; }
  const std::string& meter_fault() const { return meter_fault_; }
  // The longest time between two calls of BeforeStep in a row: how long a
  // veto waits at most.
  absl::Duration longest_step() const { return longest_step_; }

 private:
  enum class Stretch { kExchange, kTraining, kPause };
  // What this session may spend altogether, what it has spent included; as of
  // one look, since the day's bucket refills all the time.
  struct Bounds {
    Amounts day;
    Amounts round = kUnlimitedAmounts;
    Amounts Both() const { return LesserOf(day, round); }
  };
  Verdict CheckConditions(bool working, bool read_again);
  DeviceReadings Read();
  Amounts CostP90(const Work& work) const;
  // Of the next mini-batch and the upload: calculated, or as the mini-batches
  // so far have shown where that is more.
  Amounts NextStepCost() const;
  Bounds Available();
  // Makes sure that `needed` is reserved, of all that the session spends.
  Verdict Afford(const Amounts& needed);
  // The same for what is left of the upload; the first attempt may always
  // spend energy.
  Verdict AffordUpload(const Work& rest);
  // How many steps of a plan the session could still do; below 1: none.
  double AffordableSteps(const PlanCost& plan, const Amounts& available,
                         absl::Duration time_left) const;
  // Of as much of a plan as is worth a session.
  Amounts LeastCost(const PlanCost& plan) const;
  protocol::AbandonReason WhyLess(const PlanCost& plan, const Bounds& bounds);
  Verdict NothingFits(absl::Span<const PlanCost> menu, const Bounds& bounds,
                      absl::Duration time_left);
  // REQUIRES: `needed` is not within the bounds.
  Verdict TooDear(const Amounts& needed, const Bounds& bounds);
  // No session for a while, twice as long as the last time.
  void BeginRest(const Verdict& verdict);
  absl::Status Reserve(const Amounts& amount);
  // Brings spent() up to date.
  void Update(const Work& done);
  void Enter(Stretch stretch, const Work& done);

  const GovernorParts parts_;
  bool metered_ = true;  // whether bytes cost money, as of the last readings
  std::optional<absl::Duration> time_of_readings_;
  Verdict conditions_verdict_;  // as of the last readings
  Waits waits_;
  Amounts spent_;
  std::string meter_fault_;
  absl::Duration longest_step_;

  // Of the running session.
  std::optional<Spending> spending_;
  std::optional<RoundKey> round_;
  Amounts round_limit_ = kUnlimitedAmounts;
  bool limited_ = true;  // by anything
  Stretch stretch_ = Stretch::kExchange;
  Work step_;                   // of the chosen plan
  Work upload_;                 // likewise
  int64_t num_steps_ = 0;       // begun
  double training_joules_ = 0;  // of the stretches of training that have ended
  double joules_at_stretch_ = 0;
  std::optional<absl::Duration> time_of_step_;
  int num_uploads_ = 0;             // attempts
  std::optional<Work> upload_end_;  // all work of the session, once it is sent
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_GOVERNOR_H_
