#include "configuration/task.h"

#include <algorithm>
#include <cmath>

#include "configuration/task_proto.h"

namespace shoal::configuration {

int RoundPolicy::max_assigned() const {
  // 1.1 * 30 is a little more than 33 in floating point.
  constexpr double kRounding = 1e-6;
  return std::max(
      cohort, static_cast<int>(std::ceil(cohort * over_selection - kRounding)));
}

absl::StatusOr<Task> ParseTask(absl::string_view serialized) {
  v1::Task proto;
  if (!proto.ParseFromArray(serialized.data(),
                            static_cast<int>(serialized.size()))) {
    return absl::InvalidArgumentError(
        "not a task, expected a serialised shoal.v1.Task");
  }
  return TaskFromProto(proto);
}

std::string SerializeTask(const Task& task) {
  return TaskToProto(task).SerializeAsString();
}

}  // namespace shoal::configuration
