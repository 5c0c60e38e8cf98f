#include "simulations/outcome_name.h"

#include "base/check.h"

namespace shoal::simulations {

absl::string_view OutcomeName(SessionReport::Outcome outcome) {
  switch (outcome) {
    case SessionReport::kContributed:
      return "contributed";
    case SessionReport::kNotAssigned:
      return "not_assigned";
    case SessionReport::kAbandoned:
      return "abandoned";
    case SessionReport::kRefused:
      return "refused";
    case SessionReport::kUnreachable:
      return "unreachable";
    case SessionReport::kCancelled:
      return "interrupted";
    case SessionReport::kHeldBack:
      return "held_back";
    case SessionReport::kForgotten:
      return "forgotten";
  }
  SHOAL_CHECK(false);
}

}  // namespace shoal::simulations
