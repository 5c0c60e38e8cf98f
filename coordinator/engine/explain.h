// `shoalctl round explain`: why a round went as it did, in sentences.
#ifndef SHOAL_COORDINATOR_ENGINE_EXPLAIN_H_
#define SHOAL_COORDINATOR_ENGINE_EXPLAIN_H_

#include <string>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "configuration/task.h"
#include "coordinator/engine/rows.h"

namespace shoal::coordinator {

// Three parts: what was needed and what came of those admitted, the verdict,
// and what comes next or would help. For example
//   Round 7 needed 16 reports, admitted 26 devices, accepted 15: 7 silent, 3
//   stopped on energy, 1 refused (norm bound). It was sealed with 15 reports
//   ...
// `assignments` are all of the round's, `task` is its task. Pure.
std::string ExplainRound(const RoundRow& round,
                         absl::Span<const AssignmentRow> assignments,
                         const configuration::Task& task, absl::Time now);

// Why a task makes no progress: how many of its newest rounds failed in a row
// and what the explanation of the last of them, `failed`, says. For example
//   The last 5 rounds failed. Round 7 needed 16 reports, admitted 26 devices,
//   accepted 0: 26 stopped on data. It failed (min_reports): ...
// `row` is of `task` and has failures in a row. Pure.
std::string ExplainTrouble(const TaskRow& row, const RoundRow& failed,
                           absl::Span<const AssignmentRow> assignments,
                           const configuration::Task& task, absl::Time now);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_EXPLAIN_H_
