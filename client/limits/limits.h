// All that keeps a device within its limits, made from options: the one object
// that a session is given.
//
//   SHOAL_ASSIGN_OR_RETURN(auto limits, Limits::Create(options, parts));
//   Governor& governor = limits->governor();
//   … a session, as client/limits/governor.h shows …
//   limits->SaveLearned();
#ifndef SHOAL_CLIENT_LIMITS_LIMITS_H_
#define SHOAL_CLIENT_LIMITS_LIMITS_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "client/limits/budget.h"
#include "client/limits/budget_ledger.h"
#include "client/limits/conditions.h"
#include "client/limits/device_readings.h"
#include "client/limits/energy_model.h"
#include "client/limits/governor.h"
#include "client/limits/learned_costs.h"
#include "client/limits/moment.h"
#include "client/limits/record.h"
#include "client/meters/energy_meter.h"

namespace shoal::client {

struct LimitsOptions {
  BudgetLimits budgets;
  ConditionRules rules;
  EnergyCoefficients energy;  // what is believed before anything is measured
};

// What a device is made of. All must outlive the limits; `meter` and
// `readings` may be null.
struct LimitsParts {
  const Clock* clock = nullptr;
  const MomentSource* moments = nullptr;
  Record* ledger = nullptr;   // durable: FileRecord::kSynced
  Record* learned = nullptr;  // FileRecord::kUnsynced will do
  EnergyMeter* meter = nullptr;
  ReadingsSource* readings = nullptr;
};

// What a process knows between two sessions and its records do not hold.
struct LimitsMemory {
  Governor::Waits waits;
  Conditions::LastWrong last_wrong;
};

// For people and for scripts.
struct LimitsReport {
  BudgetLimits budgets;
  Amounts left;               // of the day
  Amounts spent_ever;         // since the book was begun
  int64_t num_crashes = 0;    // sessions that ended in one; counted in full
  std::string book_note;      // what was wrong with the book; else empty
  std::string meter;          // its name; "calculated" without one
  std::string meter_fault;    // of the last session; else empty
  EnergyCoefficients energy;  // as learned
  int64_t num_measurements = 0;
  // The 90th percentile of the calculation's relative error; absent while
  // there are too few measurements.
  std::optional<double> relative_error_p90;
};

// One thread; one at a time per ledger.
class Limits {
 public:
  // INVALID_ARGUMENT names the option that is out of range; else the errors of
  // the ledger's storage.
  static absl::StatusOr<std::unique_ptr<Limits>> Create(
      const LimitsOptions& options, const LimitsParts& parts);

  Governor& governor() { return *governor_; }
  const LearnedCosts& costs() const { return costs_; }
  // After a session. What is not saved is learned again.
  absl::Status SaveLearned() const { return costs_.Save(*parts_.learned); }
  LimitsReport Report();
  LimitsMemory memory() const {
    return {governor_->waits(), conditions_.last_wrong()};
  }
  // Goes on where other limits of the same device were. REQUIRES: no session.
  void set_memory(LimitsMemory memory) {
    governor_->set_waits(std::move(memory.waits));
    conditions_.set_last_wrong(memory.last_wrong);
  }

 private:
  Limits(const LimitsOptions& options, const LimitsParts& parts,
         std::unique_ptr<BudgetLedger> ledger);

  const LimitsParts parts_;
  const std::unique_ptr<BudgetLedger> ledger_;
  Conditions conditions_;
  LearnedCosts costs_;
  std::optional<Governor> governor_;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_LIMITS_H_
