// Task files, and the task inside of a scenario file.
#include <string>

#include "base/file.h"
#include "base/status_macros.h"
#include "configuration/file_report.h"
#include "configuration/programs.h"
#include "configuration/task.h"
#include "configuration/task_checks.h"
#include "configuration/yaml_reader.h"
#include "protocol/schema/access.h"
#include "protocol/wire_schema.h"

namespace shoal::configuration {

using protocol::schema::Message;

void CheckTaskInFile(const v1::Task& task, absl::string_view path,
                     FileReport& report) {
  for (const protocol::RuleViolation& violation : CheckTaskAsAWhole(task)) {
    const std::string place = protocol::JoinPath(path, violation.path);
    if (!report.IsExplained(place)) report.Add(place, violation.problem);
  }
}

absl::StatusOr<Task> ParseTaskYaml(absl::string_view yaml,
                                   absl::string_view name) {
  FileReport report(name);
  Message scenario(protocol::schema::TypeNamed("Scenario"));
  Message& message = protocol::schema::MutablePart(scenario, "task");
  std::string path;
  if (HasTopLevelKey(yaml, "task")) {
    path = "task";
    ReadYaml(yaml, scenario, report);
  } else {
    ReadYaml(yaml, message, report);
  }
  AddRuleViolations(message, path, report);
  v1::Task task;
  protocol::FromSchema(message, task);
  CheckTaskInFile(task, path, report);
  SHOAL_RETURN_IF_ERROR(report.ToStatus());
  return CheckedTaskFromProto(task);
}

absl::StatusOr<Task> LoadTask(const std::string& path) {
  SHOAL_ASSIGN_OR_RETURN(const std::string yaml, ReadFile(path, kMaxFileBytes));
  return ParseTaskYaml(yaml, path);
}

}  // namespace shoal::configuration
