// What a task means for the engine: derived once, never changed.
#ifndef SHOAL_COORDINATOR_ENGINE_TASK_SETUP_H_
#define SHOAL_COORDINATOR_ENGINE_TASK_SETUP_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "aggregation/accumulator.h"
#include "aggregation/task_privacy.h"
#include "configuration/task.h"
#include "coordinator/engine/rows.h"
#include "learning/model.h"
#include "learning/parameters.h"
#include "learning/sub_model.h"
#include "privacy/differential_privacy/integer_grid.h"
#include "protocol/messages.h"
#include "protocol/secure_update.h"

namespace shoal::coordinator {

struct TaskSetup {
  configuration::Task task;
  std::unique_ptr<learning::Model> model;
  learning::ParameterLayout layout;
  learning::SubModels sub_models;  // learning::MakeSubModels
  // Values of an update: of the model, then of its sub-models.
  std::vector<int64_t> update_values;
  // The least with which a device can train, the smallest sub-model if it has
  // to be, if it has a mini-batch of examples or more.
  int64_t least_memory_bytes = 0;
  // Of a task that asks for privacy.
  std::optional<aggregation::TaskPrivacy> privacy;
  bool has_classes = false;  // so that there is an accuracy
  int64_t predictions_per_example = 1;

  int64_t num_parameters() const { return layout.num_parameters(); }
  // Of that size, in a version of the model and in an update.
  int num_vectors() const {
    return learning::TraitsOf(task.algorithm).num_vectors;
  }
  int64_t num_update_values() const { return num_vectors() * num_parameters(); }
};

// The least memory with which a device with so many examples can train the
// model or one of its sub-models. Errors of learning::LeastMemoryBytes.
absl::StatusOr<int64_t> LeastMemoryBytes(const TaskSetup& setup,
                                         int64_t num_examples);

// INVALID_ARGUMENT when the model is impossible, when the bounds of its updates
// leave the fixed-point sum too coarse (kMinScale), when no device can train
// within device_limits.memory, or when the algorithm does not go with the rest.
absl::StatusOr<std::shared_ptr<const TaskSetup>> MakeTaskSetup(
    const configuration::Task& task);

// The task as the store keeps it: with the noise that keeps its budget, and all
// of its options, where its definition left them open. Once and for all:
// another program may round otherwise.
configuration::Task CalibratedTask(const TaskSetup& setup);

// The serialised version 0 of a task: `given` when it is not empty, else
// initialised from the task's seed; control variates begin with zero.
// INVALID_ARGUMENT when `given` is no model, or not of the task's shape; or
// when it is empty and the model needs statistics of its features.
absl::StatusOr<std::string> InitialModel(const TaskSetup& setup,
                                         absl::string_view given);

// The smallest scale of a sum: with it one update moves a weighted sum in steps
// of 1/1024, and the mean of a round is off by less than 1/2048 at the very
// worst (weights of 1) and by 1/2048 divided by the mean weight in general.
inline constexpr double kMinScale = 1024;

// The bound on update norms of the next round: the task's, or 100 times the
// median norm of the last committed round (0: none), at least 1000, and never
// more than kMinScale allows. With secure aggregation 10 times its mean norm:
// longer updates are scaled down, and errors of rounding follow the bound.
inline constexpr double kBoundPerMeanNorm = 10;
double NormBound(const configuration::Task& task, double last_median_norm);

// What the devices of a round with that bound shall run.
protocol::Plan PlanOf(const TaskSetup& setup, double norm_bound);
// Whether its plans ask devices to clip tensors, to add noise or to vote.
bool AsksForPrivateUpdates(const configuration::Task& task);
// The bound on uploads of a round whose updates are clipped to that norm: noise
// of the devices' own makes them longer. REQUIRES: the task asks for privacy.
double PrivateNormBound(const TaskSetup& setup, double clip_norm);

// The secure aggregation of a round, as devices find it in their plans.
// REQUIRES: the task asks for it.
protocol::SecureAggregation SecureSettingsOf(const configuration::Task& task);
protocol::SecureUpdate SecureUpdateOf(const TaskSetup& setup,
                                      const RoundRow& round);

// The integers that updates of a task with privacy become when they are clipped
// to that norm. REQUIRES: the task asks for privacy.
privacy::IntegerGrid GridOf(const TaskSetup& setup, double clip_norm);

// What bounds the sum of a round.
aggregation::FixedPointRange RangeOf(const configuration::Task& task,
                                     const RoundRow& round);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_TASK_SETUP_H_
