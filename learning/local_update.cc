#include "learning/local_update.h"

#include <algorithm>
#include <cmath>
#include <utility>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/local_training.h"

namespace shoal::learning {
namespace {

absl::Status CheckAtLeast(absl::string_view name, int value, int least) {
  if (value >= least) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value, ", expected at least ", least));
}

// Options become floats for training: what overflows there is refused here.
absl::Status CheckNotNegative(absl::string_view name, double value) {
  if (value >= 0 && std::isfinite(static_cast<float>(value))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value, ", expected a number of at least 0"));
}

absl::Status CheckBelowOne(absl::string_view name, double value) {
  if (value >= 0 && value < 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is ", value, ", expected 0 to below 1"));
}

absl::Status CheckRule(const SgdOptimizer& sgd) {
  SHOAL_RETURN_IF_ERROR(CheckBelowOne("momentum", sgd.momentum));
  if (sgd.nesterov && sgd.momentum == 0) {
    return absl::InvalidArgumentError("nesterov needs a momentum above 0");
  }
  return CheckNotNegative("weight_decay", sgd.weight_decay);
}

absl::Status CheckRule(const AdamOptimizer& adam) {
  SHOAL_RETURN_IF_ERROR(CheckBelowOne("beta1", adam.beta1));
  SHOAL_RETURN_IF_ERROR(CheckBelowOne("beta2", adam.beta2));
  if (!(static_cast<float>(adam.epsilon) > 0)) {
    return absl::InvalidArgumentError(
        absl::StrCat("epsilon is ", adam.epsilon, ", expected more than 0"));
  }
  return CheckNotNegative("weight_decay", adam.weight_decay);
}

absl::Status CheckTraining(const TrainingOptions& training) {
  SHOAL_RETURN_IF_ERROR(CheckAtLeast("epochs", training.epochs, 1));
  SHOAL_RETURN_IF_ERROR(CheckAtLeast("batch_size", training.batch_size, 1));
  SHOAL_RETURN_IF_ERROR(
      CheckAtLeast("micro_batch_size", training.micro_batch_size, 0));
  SHOAL_RETURN_IF_ERROR(CheckAtLeast("last_layers", training.last_layers, 0));
  SHOAL_RETURN_IF_ERROR(
      CheckNotNegative("learning_rate", training.learning_rate));
  if (static_cast<float>(training.learning_rate) == 0) {
    return absl::InvalidArgumentError(absl::StrCat(
        "learning_rate is ", training.learning_rate, ", expected more than 0"));
  }
  SHOAL_RETURN_IF_ERROR(CheckSchedule(training.schedule));
  SHOAL_RETURN_IF_ERROR(
      CheckNotNegative("clip_norm", training.optimizer.clip_norm));
  return std::visit([](const auto& rule) { return CheckRule(rule); },
                    training.optimizer.rule);
}

absl::StatusOr<PlanOptions> PlanOptionsOf(const TrainingOptions& training,
                                          int64_t num_examples,
                                          const AlgorithmTraits& traits) {
  SHOAL_RETURN_IF_ERROR(CheckTraining(training));
  PlanOptions options;
  options.batch_rows = std::clamp<int64_t>(training.batch_size, 1,
                                           std::max<int64_t>(num_examples, 1));
  options.micro_rows =
      std::min<int64_t>(training.micro_batch_size, options.batch_rows);
  options.optimizer_vectors = training.optimizer.num_vectors();
  options.whole_gradient = training.optimizer.clip_norm > 0 ||
                           traits.full_gradient || traits.corrects_gradient;
  options.last_layers = training.last_layers;
  return options;
}

}  // namespace

absl::StatusOr<MemoryPlan> PlanLocalUpdate(const Model& model,
                                           const TrainingOptions& training,
                                           int64_t num_examples,
                                           std::optional<int64_t> memory_bytes,
                                           const LocalAlgorithm& algorithm) {
  SHOAL_RETURN_IF_ERROR(model.CheckComputable());
  SHOAL_ASSIGN_OR_RETURN(
      const PlanOptions options,
      PlanOptionsOf(training, num_examples, TraitsOf(algorithm)));
  if (!memory_bytes.has_value()) return MemoryPlan::ForTraining(model, options);
  return MemoryPlan::Within(model, options, PlanConcessions(), *memory_bytes);
}

LocalPlan::LocalPlan(const Model& model, MemoryPlan training)
    : training(std::move(training)),
      scoring(MemoryPlan::ForPrediction(model, this->training.rows())) {}

absl::StatusOr<MemoryPlan> LeastPlan(const Model& model,
                                     const TrainingOptions& training,
                                     int64_t num_examples,
                                     const LocalAlgorithm& algorithm) {
  SHOAL_RETURN_IF_ERROR(model.CheckComputable());
  SHOAL_ASSIGN_OR_RETURN(
      const PlanOptions options,
      PlanOptionsOf(training, num_examples, TraitsOf(algorithm)));
  return MemoryPlan::Least(model, options, PlanConcessions());
}

absl::StatusOr<LocalUpdate> ComputeLocalUpdate(
    const Model& model, absl::Span<const float> base, const Dataset& data,
    const TrainingOptions& training, const LocalAlgorithm& algorithm,
    const LocalRun& run, const std::function<bool()>& keep_going) {
  SHOAL_ASSIGN_OR_RETURN(
      const auto work,
      LocalTraining::Create(model, base, data, training, algorithm, run));
  while (!work->done() && keep_going()) {
    SHOAL_RETURN_IF_ERROR(work->Step());
  }
  return work->Finish();
}

}  // namespace shoal::learning
