#include "configuration/task.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "absl/strings/str_cat.h"
#include "configuration/task_proto.h"

namespace shoal::configuration {

int RoundPolicy::max_assigned() const {
  if (asynchronous.has_value()) return asynchronous->concurrency;
  // 1.1 * 30 is a little more than 33 in floating point.
  constexpr double kRounding = 1e-6;
  return std::max(
      cohort, static_cast<int>(std::ceil(cohort * over_selection - kRounding)));
}

int RoundPolicy::max_accepted() const {
  return asynchronous.has_value() ? cohort : max_assigned();
}

absl::Status CheckAsynchronous(const Task& task) {
  if (!task.round.asynchronous.has_value()) return absl::OkStatus();
  if (std::holds_alternative<learning::ScaffoldLocal>(task.algorithm) ||
      std::holds_alternative<learning::FedNovaLocal>(task.algorithm)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "does not go with algorithm.", learning::TraitsOf(task.algorithm).name,
        ": it has not been analysed with updates of different versions, "
        "expected fedavg, fedprox or fedsgd"));
  }
  if (task.round.weighting != Weighting::kUniform) {
    return absl::InvalidArgumentError(
        "needs round.weighting uniform: an update weighs what its staleness "
        "says");
  }
  if (!task.training.sub_model_widths.empty() ||
      !task.training.sub_model_layers.empty()) {
    return absl::InvalidArgumentError(
        "does not go with training.sub_model_widths and sub_model_layers: "
        "parts of the model have not been analysed with updates of different "
        "versions");
  }
  return absl::OkStatus();
}

absl::Status CheckServerHalf(const Task& task) {
  const auto* scaffold = std::get_if<learning::ScaffoldLocal>(&task.algorithm);
  if (scaffold == nullptr) return absl::OkStatus();
  if (task.round.weighting != Weighting::kUniform) {
    return absl::InvalidArgumentError(
        "needs round.weighting uniform: weighted updates diverge");
  }
  const auto* sgd = std::get_if<SgdServerOptions>(&task.server_optimizer);
  if (sgd == nullptr || sgd->momentum != 0) {
    return absl::InvalidArgumentError(
        "needs server_optimizer.sgd without momentum: others are not known to "
        "work with it");
  }
  if (scaffold->num_devices >= task.round.max_assigned()) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "devices is ", scaffold->num_devices, ", expected at least the ",
      task.round.max_assigned(), " that a round assigns"));
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
