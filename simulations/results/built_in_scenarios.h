// The scenarios that come with the program: simulations/scenarios/.
#ifndef SHOAL_SIMULATIONS_RESULTS_BUILT_IN_SCENARIOS_H_
#define SHOAL_SIMULATIONS_RESULTS_BUILT_IN_SCENARIOS_H_

#include <string>

#include "absl/strings/string_view.h"
#include "absl/types/span.h"

namespace shoal::simulations {

struct BuiltInScenario {
  absl::string_view name;
  absl::string_view yaml;  // begins with a comment that says what it is

  // The first sentence of that comment.
  std::string Title() const;
};

// By name.
absl::Span<const BuiltInScenario> BuiltInScenarios();
// Null when there is none.
const BuiltInScenario* FindBuiltInScenario(absl::string_view name);

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_RESULTS_BUILT_IN_SCENARIOS_H_
