#include "configuration/task.h"

#include <algorithm>
#include <cmath>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "configuration/task_proto.h"
#include "privacy/secure_aggregation/complete_graph.h"
#include "privacy/secure_aggregation/message_sizes.h"
#include "protocol/secure_update.h"

namespace shoal::configuration {

using secure_aggregation::CoordinatorTrust;

namespace {

// The longest spread of a rotated update's norm, which makes the smallest
// steps.
constexpr int64_t kSomeValues = 1 << 20;
constexpr double kSomeNormBound = 1000;

// No group of the task is larger.
int LargestGroup(const Task& task) {
  return std::min(task.secure_aggregation->max_group,
                  task.round.max_assigned());
}

// That so many reports can come out of groups.
absl::Status CheckReports(const Task& task) {
  const int64_t assigned = task.round.max_assigned();
  const int64_t min_group = task.secure_aggregation->min_group;
  const int64_t groups = assigned / min_group;
  const int64_t most =
      std::min(assigned, groups * task.secure_aggregation->max_group);
  if (task.round.min_reports <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "round.min_reports is ", task.round.min_reports, ", expected at most ",
      most, ": of the ", assigned,
      " devices that a round assigns, groups of min_group ", min_group,
      " to max_group ", task.secure_aggregation->max_group,
      " hold no more; lower round.min_reports, let round.over_selection "
      "assign ",
      (groups + 1) * min_group, ", or choose other sizes of groups"));
}

// That what members of the largest group send and get is taken. (It has the
// most neighbours.)
absl::Status CheckMessages(const protocol::SecureAggregation& settings,
                           int largest) {
  using secure_aggregation::CheckMessageSizes;
  const bool is_signed = settings.coordinator != CoordinatorTrust::kHonest;
  // The complete graph's.
  if (CheckMessageSizes(largest - 1, is_signed).ok()) return absl::OkStatus();
  SHOAL_ASSIGN_OR_RETURN(const secure_aggregation::GraphParameters graph,
                         secure_aggregation::FindGraphParameters(
                             {.num_devices = largest,
                              .adversary_fraction = settings.adversary_fraction,
                              .dropout_fraction = settings.dropout_fraction,
                              .coordinator = settings.coordinator}));
  const absl::Status fits = CheckMessageSizes(graph.num_neighbors, is_signed);
  if (fits.ok()) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("a group of ", largest, " devices gives each ",
                   fits.message(), ": lower max_group or the fractions"));
}

// That groups of every size can be, and keep what they promise.
absl::Status CheckGroups(const Task& task) {
  const protocol::SecureAggregation& settings = *task.secure_aggregation;
  if (settings.max_group < settings.min_group) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_group is ", settings.max_group,
                     ", expected at least min_group, ", settings.min_group));
  }
  if (task.round.cohort < settings.min_group) {
    return absl::InvalidArgumentError(
        absl::StrCat("min_group is ", settings.min_group,
                     ", expected at most round.cohort, ", task.round.cohort,
                     ": no round would have a group"));
  }
  if (settings.coordinator == CoordinatorTrust::kMalicious &&
      settings.max_group > protocol::kMaxCompleteGroup) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max_group is ", settings.max_group, ", expected at most ",
        protocol::kMaxCompleteGroup,
        " with coordinator malicious, where every device is every other's "
        "neighbour"));
  }
  SHOAL_RETURN_IF_ERROR(CheckReports(task));
  SHOAL_RETURN_IF_ERROR(secure_aggregation::CheckGroupSizes(
      {.adversary_fraction = settings.adversary_fraction,
       .dropout_fraction = settings.dropout_fraction,
       .coordinator = settings.coordinator},
      settings.min_group, LargestGroup(task)));
  return CheckMessages(settings, LargestGroup(task));
}

// That updates of the task fit into the ring, and their sum over all groups
// into 64 bits.
absl::Status CheckRing(const Task& task) {
  // Of any round: those after the first follow the norms of updates.
  protocol::SecureRound round;
  round.task = task.name;
  round.settings = *task.secure_aggregation;
  round.settings.max_group = LargestGroup(task);
  round.num_values = kSomeValues;
  round.norm_bound = task.update_limits.norm_bound.value_or(kSomeNormBound);
  round.max_weight = task.round.weighting == Weighting::kUniform
                         ? 1
                         : task.update_limits.max_examples;
  SHOAL_ASSIGN_OR_RETURN(const protocol::SecureUpdate update,
                         protocol::SecureUpdate::Create(round));
  return update.quantiser().RingBits(task.round.max_assigned()).status();
}

}  // namespace

int RoundPolicy::max_assigned() const {
  if (asynchronous.has_value()) return asynchronous->concurrency;
  if (drawn) {
    // exp(-t^2 / (2 cohort + 2 t / 3)) for t more than the cohort.
    return cohort + 32 +
           static_cast<int>(
               std::ceil(8 * std::sqrt(static_cast<double>(cohort))));
  }
  // 1.1 * 30 is a little more than 33 in floating point.
  constexpr double kRounding = 1e-6;
  return std::max(
      cohort, static_cast<int>(std::ceil(cohort * over_selection - kRounding)));
}

int RoundPolicy::max_accepted() const {
  return asynchronous.has_value() ? cohort : max_assigned();
}

int DevicesPerRound(const Task& task) {
  const RoundPolicy& round = task.round;
  if (!round.drawn) return round.max_accepted();
  constexpr double kMost = 1e9;
  const double rate = SamplingRate(*task.differential_privacy).value_or(1);
  return static_cast<int>(std::min(std::ceil(round.cohort / rate), kMost));
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

absl::Status CheckSecureAggregation(const Task& task) {
  if (!task.secure_aggregation.has_value()) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(CheckGroups(task));
  if (task.round.asynchronous.has_value()) {
    return absl::InvalidArgumentError(
        "does not go with round.asynchronous: the sum of a group is of one "
        "version, and its updates weigh the same by their staleness");
  }
  if (!task.training.sub_model_widths.empty() ||
      !task.training.sub_model_layers.empty()) {
    return absl::InvalidArgumentError(
        "does not go with training.sub_model_widths and sub_model_layers: the "
        "coordinator must not learn which parts a device has trained");
  }
  return CheckRing(task);
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
