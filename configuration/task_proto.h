// Tasks to and from protobuf: for the admin service and the readers of files.
// Everybody else uses configuration/task.h.
#ifndef SHOAL_CONFIGURATION_TASK_PROTO_H_
#define SHOAL_CONFIGURATION_TASK_PROTO_H_

#include <vector>

#include "absl/status/statusor.h"
#include "configuration/task.h"
#include "protocol/wire_schema.h"
#include "shoal/v1/task.pb.h"

namespace shoal::configuration {

// INVALID_ARGUMENT "path: what is wrong, what was expected", all errors with
// "; " between them; also for settings of a newer version, which must not be
// left out silently.
absl::StatusOr<Task> TaskFromProto(const v1::Task& proto);

// With every setting written out.
v1::Task TaskToProto(const Task& task);

// What is wrong between settings that are each right by the schema's rules:
// paths inside the task.
std::vector<protocol::RuleViolation> CheckTaskAsAWhole(const v1::Task& proto);

// The conversion alone. REQUIRES: the schema's rules and CheckTaskAsAWhole
// found nothing.
Task CheckedTaskFromProto(const v1::Task& proto);

}  // namespace shoal::configuration

#endif  // SHOAL_CONFIGURATION_TASK_PROTO_H_
