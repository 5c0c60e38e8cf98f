// How a task's population stands with its privacy budget.
#ifndef SHOAL_COORDINATOR_ENGINE_PRIVACY_REPORT_H_
#define SHOAL_COORDINATOR_ENGINE_PRIVACY_REPORT_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "coordinator/engine/round_store.h"
#include "coordinator/engine/task_setup.h"
#include "privacy/accounting/calibration.h"
#include "privacy/accounting/epsilon.h"
#include "privacy/accounting/privacy_event.h"

namespace shoal::coordinator {

// Charges of one task that are alike.
struct PrivacySpending {
  std::string task;
  std::string event;  // PrivacyEvent::ToString()
  int64_t num_charges = 0;
};

struct PrivacyReport {
  aggregation::TaskPrivacy plan;
  int64_t num_charges = 0;                // of the population, by all its tasks
  std::vector<PrivacySpending> spending;  // in the order of the first of each
  privacy::CertifiedBounds spent;         // by all of them together
  int64_t rounds_committed = 0;           // of the task
  // Committed rounds at which the task ends: those that it wants, or fewer
  // where the budget does not last. When no round fails after its seal.
  int64_t projected_rounds = 0;
  privacy::CertifiedBounds projected;  // epsilon by then
  std::string guarantee;               // what may be said now
};

// The event of all that was charged. DATA_LOSS when a row holds none.
absl::StatusOr<privacy::PrivacyEvent> EventOf(
    absl::Span<const ChargeRow> charges);

// Asked between questions to an accountant; no ends them with CANCELLED.
using KeepGoing = std::function<bool()>;

// How many more charges of the task's kind the budget allows, up to `at_most`,
// and epsilon with them. Errors of the accountant.
absl::StatusOr<privacy::CalibratedRounds> AffordableCharges(
    const aggregation::TaskPrivacy& plan, const privacy::PrivacyEvent& spent,
    int64_t at_most, const KeepGoing& keep_going = nullptr);

// Errors of the store and of the accountant. REQUIRES: the task, of that row,
// asks for privacy.
absl::StatusOr<PrivacyReport> ReportPrivacy(
    RoundStore& store, const TaskSetup& setup, const TaskRow& row,
    const KeepGoing& keep_going = nullptr);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_PRIVACY_REPORT_H_
