// A way to run a round's plan, as the governor sees it.
#ifndef SHOAL_CLIENT_LIMITS_PLAN_COST_H_
#define SHOAL_CLIENT_LIMITS_PLAN_COST_H_

#include <cstdint>

#include "client/limits/energy_model.h"

namespace shoal::client {

// `seconds` of the work are calculated by whoever knows the device's pace.
struct PlanCost {
  Work before;            // fetching the model, scoring it
  Work step;              // one mini-batch
  int64_t num_steps = 0;  // >= 1
  Work upload;
  // What all steps are worth beside the plan as it was sent, (0, 1].
  double worth = 1;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_LIMITS_PLAN_COST_H_
