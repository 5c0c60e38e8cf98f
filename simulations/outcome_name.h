// What the tables of simulations call the ends of sessions.
#ifndef SHOAL_SIMULATIONS_OUTCOME_NAME_H_
#define SHOAL_SIMULATIONS_OUTCOME_NAME_H_

#include "absl/strings/string_view.h"
#include "client/include/shoal/client.h"

namespace shoal::simulations {

// "contributed", "interrupted", … (docs/reference/simulation.md).
absl::string_view OutcomeName(SessionReport::Outcome outcome);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_OUTCOME_NAME_H_
