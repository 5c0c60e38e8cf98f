// Tasks as people see them.
#ifndef SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_TASK_TEXT_H_
#define SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_TASK_TEXT_H_

#include <string>

#include "absl/time/time.h"
#include "shoal/v1/admin.pb.h"

namespace shoal::shoalctl {

std::string TasksTable(const v1::ListTasksResponse& list);
// How it is doing, then its definition.
std::string TaskFields(const v1::TaskReport& task, absl::Time now);
// "task digits is paused, 3/10 rounds committed".
std::string TaskLine(const v1::TaskReport& task);

// "3/10".
std::string RoundsDone(const v1::TaskReport& task);
// "17 collecting 3/16", "-" when there is none.
std::string NewestRound(const v1::TaskReport& task);

// The settings beside name, population and rounds, by section, with the names
// and units of task files:
//   round
//     cohort    16
//     deadline  1min
std::string DefinitionText(const v1::Task& task);

}  // namespace shoal::shoalctl

#endif  // SHOAL_COORDINATOR_PROGRAMS_SHOALCTL_TASK_TEXT_H_
