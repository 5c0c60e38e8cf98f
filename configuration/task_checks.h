// The checks of a task that stands in a file.
#ifndef SHOAL_CONFIGURATION_TASK_CHECKS_H_
#define SHOAL_CONFIGURATION_TASK_CHECKS_H_

#include "absl/strings/string_view.h"
#include "configuration/file_report.h"
#include "configuration/task_proto.h"

namespace shoal::configuration {

// Adds to `report` what is wrong between the settings of `task`, which stands
// at `path` of the file.
void CheckTaskInFile(const v1::Task& task, absl::string_view path,
                     FileReport& report);

}  // namespace shoal::configuration

#endif  // SHOAL_CONFIGURATION_TASK_CHECKS_H_
