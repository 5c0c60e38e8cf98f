// What became of the groups of a round with secure aggregation, for operators.
#ifndef SHOAL_COORDINATOR_ENGINE_EXPLAIN_GROUPS_H_
#define SHOAL_COORDINATOR_ENGINE_EXPLAIN_GROUPS_H_

#include <array>
#include <string>
#include <vector>

#include "absl/types/span.h"
#include "coordinator/engine/rows.h"

namespace shoal::coordinator {

// All groups of a round together.
struct GroupTotals {
  int formed = 0;
  int members = 0;  // a device counts in every group that it was in
  int burnt = 0;
  std::array<int, kGroupSteps.size()> lost = {};  // by step
  std::vector<std::string> burn_reasons;          // of the last three, in order
};
GroupTotals TotalsOf(absl::Span<const GroupSummary> groups);

// For example
//   It formed 3 groups of 24 devices in all, of which 1 was burnt (only 4
//   members sent masked input, expected at least 6). They lost 5 devices: 2 at
//   sharing, 3 at masking. 1 device broke the protocol of secure aggregation:
//   device 09f3… in group 77…, which lost it at sharing: …
// "" without groups and faults. Pure.
std::string ExplainGroups(absl::Span<const GroupSummary> groups,
                          absl::Span<const FaultRow> faults);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_EXPLAIN_GROUPS_H_
