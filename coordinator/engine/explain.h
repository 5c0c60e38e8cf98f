// `shoalctl round explain`: why a round went as it did, in sentences.
#ifndef SHOAL_COORDINATOR_ENGINE_EXPLAIN_H_
#define SHOAL_COORDINATOR_ENGINE_EXPLAIN_H_

#include <cstdint>
#include <map>
#include <string>

#include "absl/time/time.h"
#include "absl/types/span.h"
#include "configuration/task.h"
#include "coordinator/engine/notices.h"
#include "coordinator/engine/rows.h"

namespace shoal::coordinator {

// What there is to know of a round. A view: all that it names must outlive it.
struct RoundStory {
  const RoundRow& round;
  absl::Span<const AssignmentRow> assignments;  // all of the round's
  const TaskRow& task_row;
  const configuration::Task& task;  // its definition
  const TaskNotices& notices;       // of the round
  // Of an asynchronous one, see RoundSnapshot.
  std::map<int64_t, int64_t> staleness = {};
  // Of one with secure aggregation.
  absl::Span<const GroupSummary> groups = {};
  absl::Span<const FaultRow> faults = {};
};

// What was needed and what came of those admitted, who did less work than
// planned if anybody did, what became of groups of secure aggregation, the
// verdict, and what stands in the way, comes next or would help. For example
//   Round 7 needed 16 reports, admitted 26 devices, accepted 15: 7 silent, 3
//   stopped on energy, 1 refused (norm bound). It was sealed with 15 reports
//   ...
// Pure.
std::string ExplainRound(const RoundStory& story, absl::Time now);

// What holds a task up, and what would help: for example
//   The task is held up: /var/lib/shoal/shoal.db: database or disk is full. ...
// "" while nothing does. Pure.
std::string ExplainHoldUp(const TaskNotices& notices);

// How many of the task's newest rounds failed in a row and what the explanation
// of the last of them says. For example
//   The last 5 rounds failed. Round 7 needed 16 reports, admitted 26 devices,
//   accepted 0: 26 stopped on data. It failed (min_reports): ...
// `failed` is that last one; its task has failures in a row. Pure.
std::string ExplainFailures(const RoundStory& failed, absl::Time now);

// Why nobody gets into an open round though devices ask: for example
//   Round 7 is open and has admitted nobody. 12 check-ins were refused: ...
// "" when somebody has, nobody asks, or the task is not active. Pure.
std::string ExplainEmptiness(const RoundStory& story);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_EXPLAIN_H_
