// When a federation is given up because its rounds fail again and again.
#ifndef SHOAL_SIMULATIONS_PATIENCE_H_
#define SHOAL_SIMULATIONS_PATIENCE_H_

#include <cstdint>

#include "absl/status/status.h"
#include "coordinator/engine/rows.h"

namespace shoal::simulations {

class Patience {
 public:
  // DEADLINE_EXCEEDED when a thousand rounds of the task failed in a row: with
  // the engine's pauses, more than three days.
  static absl::Status Check(const coordinator::TaskRow& task);

  // To be told of every round that is over. DEADLINE_EXCEEDED when a hundred
  // failed, since the last version, that had enough devices: waiting for others
  // is no help, and each costs the training of a cohort.
  absl::Status OnRoundOver(const coordinator::RoundRow& round);

 private:
  int64_t failures_with_enough_ = 0;  // since the last version
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_PATIENCE_H_
