// What the rounds of a federation have spent of their privacy budget.
#ifndef SHOAL_SIMULATIONS_PRIVACY_BOOKS_H_
#define SHOAL_SIMULATIONS_PRIVACY_BOOKS_H_

#include <cstdint>
#include <memory>

#include "absl/status/statusor.h"
#include "configuration/task.h"
#include "coordinator/engine/privacy_report.h"
#include "coordinator/engine/round_store.h"
#include "coordinator/engine/task_setup.h"

namespace shoal::simulations {

// One thread.
class PrivacyBooks {
 public:
  // `store` must outlive the object. REQUIRES: the task asks for privacy.
  // Errors of MakeTaskSetup.
  static absl::StatusOr<std::unique_ptr<PrivacyBooks>> Open(
      const configuration::Task& task, coordinator::RoundStore& store);

  // The upper bound on epsilon of all that was charged by now. The accountant
  // is asked once for each charge at most: it may take a quarter of a second.
  absl::StatusOr<double> SpentEpsilon();

  absl::StatusOr<coordinator::PrivacyReport> Report() const;

 private:
  PrivacyBooks(std::shared_ptr<const coordinator::TaskSetup> setup,
               coordinator::RoundStore& store)
      : setup_(std::move(setup)), store_(store) {}

  const std::shared_ptr<const coordinator::TaskSetup> setup_;
  coordinator::RoundStore& store_;
  int64_t num_charges_ = -1;  // of which `spent_` is known
  double spent_ = 0;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_PRIVACY_BOOKS_H_
