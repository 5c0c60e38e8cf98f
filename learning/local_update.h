// The device half of the algorithms: from a round's model and a device's own
// examples to the update that it sends back. learning/algorithms/ has the
// algorithms, each with its paper.
#ifndef SHOAL_LEARNING_LOCAL_UPDATE_H_
#define SHOAL_LEARNING_LOCAL_UPDATE_H_

#include <algorithm>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learning/batch.h"
#include "learning/dataset.h"
#include "learning/learning_rate.h"
#include "learning/local_algorithm.h"
#include "learning/local_optimizer.h"
#include "learning/memory_plan.h"
#include "learning/model.h"
#include "learning/parameters.h"

namespace shoal::learning {

struct TrainingOptions {
  int epochs = 1;            // >= 1
  int batch_size = 32;       // >= 1; the last batch of an epoch may be short
  double learning_rate = 0;  // > 0; `schedule` multiplies it
  LearningRateSchedule schedule = {};
  LocalOptimizer optimizer = {};
  // Examples of a mini-batch in memory at once, [1, batch_size]; 0: all. The
  // same up to rounding, but a batch norm that is trained sees only the part.
  int micro_batch_size = 0;
  // Only the last so many layers that have parameters are trained; 0: all.
  int last_layers = 0;
  bool keep_order = false;  // otherwise shuffled anew every epoch
  // Of the sub-models (learning/sub_model.h) that a device may train instead of
  // the model when that has no room: in (0, 1), falling.
  std::vector<double> sub_model_widths = {};
  // Numbers of last layers, falling, that a device may train instead of all
  // when its memory or its budgets do not allow more; it sends these alone.
  std::vector<int> sub_model_layers = {};
  friend bool operator==(const TrainingOptions&,
                         const TrainingOptions&) = default;
};

// INVALID_ARGUMENT when an option is out of range, or when the algorithm does
// not go with the training or with the model.
absl::Status CheckAlgorithm(const LocalAlgorithm& algorithm,
                            const TrainingOptions& training,
                            const Model& model);
// INVALID_ARGUMENT when devices cannot run it with trainers of their own.
absl::Status CheckOwnTrainers(const LocalAlgorithm& algorithm);

// Where everything of a local update lies. Copies share what they hold.
struct LocalPlan {
  // `training`: as PlanLocalUpdate makes it for the model.
  LocalPlan(const Model& model, MemoryPlan training);
  int64_t bytes() const { return std::max(training.bytes(), scoring.bytes()); }

  MemoryPlan training;
  MemoryPlan scoring;  // of the base model on the device's examples
};

// What a device brings to a round besides its examples.
struct LocalRun {
  uint64_t seed = 0;  // orders the examples; of dropout
  // Committed rounds of the task before this one: schedules follow them.
  int64_t round = 0;
  // Most bytes of the block that training runs in; absent: not limited.
  std::optional<int64_t> memory_bytes = {};
  // Of this model, options and number of examples, within memory_bytes; absent:
  // it is made.
  std::optional<LocalPlan> plan = {};
  // Values of the private layers as the last round left them; empty: initial.
  absl::Span<const float> private_values = {};
  // Control variates of the round and of the device, [num_parameters] where the
  // algorithm has them; the device's may be empty for zero. The first must
  // outlive the training.
  absl::Span<const float> control = {};
  absl::Span<const float> own_control = {};
};

struct LocalUpdate {
  // [num_vectors x layout().num_parameters()] with the algorithm's traits:
  // (trained - base) / divisor; behind it the change of the control variate.
  ParameterVector delta;
  ParameterVector control;         // the device's, from now on, or empty
  ParameterVector private_values;  // [private_layout().num_parameters()]
  int64_t num_examples = 0;        // of the device
  int64_t num_steps = 0;           // steps of the optimiser done
  double divisor = 1;              // of FedNova (learning/step_sum.h)
  Score base_score;                // of the base model on the device's examples
  bool complete = false;           // false: training was ended early
};

// The memory plan of a local update on so many examples. INVALID_ARGUMENT when
// an option is out of range; RESOURCE_EXHAUSTED names the least memory that
// would do.
absl::StatusOr<MemoryPlan> PlanLocalUpdate(
    const Model& model, const TrainingOptions& training, int64_t num_examples,
    std::optional<int64_t> memory_bytes,
    const LocalAlgorithm& algorithm = FedAvgLocal{});

// The smallest of them.
absl::StatusOr<MemoryPlan> LeastPlan(
    const Model& model, const TrainingOptions& training, int64_t num_examples,
    const LocalAlgorithm& algorithm = FedAvgLocal{});

// Trains from `base` ([layout().num_parameters()]) and returns the difference:
// a loop over LocalTraining (learning/local_training.h). `keep_going` is asked
// before every mini-batch; when it says no, the work done so far is the result.
// INVALID_ARGUMENT as CheckAlgorithm, when an option is out of range, when
// `base` or the data do not fit the model, or there are no data;
// RESOURCE_EXHAUSTED as PlanLocalUpdate; ABORTED when training became
// non-finite, or when it was stopped before its first step.
absl::StatusOr<LocalUpdate> ComputeLocalUpdate(
    const Model& model, absl::Span<const float> base, const Dataset& data,
    const TrainingOptions& training, const LocalAlgorithm& algorithm,
    const LocalRun& run,
    const std::function<bool()>& keep_going = [] { return true; });

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LOCAL_UPDATE_H_
