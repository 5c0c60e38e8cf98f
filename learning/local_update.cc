#include "learning/local_update.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <numeric>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "learning/block.h"
#include "learning/predictor.h"
#include "learning/trainer.h"

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

absl::Status CheckVectors(const Model& model, absl::Span<const float> base,
                          absl::Span<const float> private_values) {
  if (static_cast<int64_t>(base.size()) != model.layout().num_parameters()) {
    return absl::InvalidArgumentError(absl::StrCat(
        "the base has ", base.size(), " parameters, model ",
        model.spec().ToString(), " has ", model.layout().num_parameters()));
  }
  const int64_t kept = model.private_layout().num_parameters();
  if (!private_values.empty() &&
      static_cast<int64_t>(private_values.size()) != kept) {
    return absl::InvalidArgumentError(absl::StrCat(
        "there are ", private_values.size(), " private values, model ",
        model.spec().ToString(), " has ", kept));
  }
  return absl::OkStatus();
}

// FedAvg is FedProx without the proximal term.
double ProximalMu(const LocalAlgorithm& algorithm) {
  const auto* prox = std::get_if<FedProxLocal>(&algorithm);
  return prox != nullptr ? prox->mu : 0;
}

absl::Status Diverged(int64_t num_steps) {
  return absl::AbortedError(
      absl::StrCat("training became non-finite within ", num_steps, " steps"));
}

absl::Status NotBegun() {
  return absl::AbortedError("training was stopped before its first step");
}

// One device's work in one round.
class LocalTraining {
 public:
  LocalTraining(const Model& model, absl::Span<const float> base,
                const Dataset& data, const TrainingOptions& training,
                double proximal_mu, const LocalRun& run)
      : model_(model),
        data_(data),
        training_(training),
        proximal_mu_(proximal_mu),
        run_(run),
        rng_(run.seed),
        start_(base.begin(), base.end()) {
    if (model.private_layout().num_parameters() == 0) return;
    const ParameterVector initial = model.InitialPrivateValues();
    const absl::Span<const float> kept = run.private_values.empty()
                                             ? absl::MakeConstSpan(initial)
                                             : run.private_values;
    start_.insert(start_.end(), kept.begin(), kept.end());
  }

  absl::StatusOr<LocalUpdate> Run(MemoryPlan plan);

 private:
  absl::Status Evaluate(Block& block, int64_t rows);
  absl::Status Train(Trainer& trainer);
  // One step on examples [begin, end) of the order.
  absl::Status Step(Trainer& trainer, int64_t begin, int64_t end);
  StepOptions OptionsNow() const;
  absl::Status Finish(absl::Span<const float> trained);

  const Model& model_;
  const Dataset& data_;
  const TrainingOptions& training_;
  const double proximal_mu_;
  const LocalRun& run_;
  SeededRng rng_;
  ParameterVector start_;  // [num_values]; the proximal term's anchor
  std::vector<int64_t> order_;
  int64_t steps_in_all_ = 0;
  LocalUpdate update_;
};

absl::Status LocalTraining::Evaluate(Block& block, int64_t rows) {
  SHOAL_ASSIGN_OR_RETURN(
      const std::unique_ptr<Predictor> predictor,
      Predictor::Create(model_, MemoryPlan::ForPrediction(model_, rows),
                        block.bytes()));
  const absl::StatusOr<Score> score =
      EvaluateDataset(*predictor, start_, data_, run_.keep_going);
  if (absl::IsAborted(score.status())) return NotBegun();
  SHOAL_RETURN_IF_ERROR(score.status());
  update_.base_score = *score;
  return std::isfinite(score->loss_sum) ? absl::OkStatus() : Diverged(0);
}

StepOptions LocalTraining::OptionsNow() const {
  const double fraction = static_cast<double>(update_.num_steps) /
                          static_cast<double>(steps_in_all_);
  StepOptions options;
  options.learning_rate = static_cast<float>(LearningRate(
      training_.schedule, training_.learning_rate, run_.round, fraction));
  options.proximal_mu = static_cast<float>(proximal_mu_);
  if (proximal_mu_ != 0) options.anchor = start_;
  options.seed = run_.seed;
  return options;
}

absl::Status LocalTraining::Step(Trainer& trainer, int64_t begin, int64_t end) {
  trainer.StartStep(end - begin, OptionsNow());
  Score score;
  for (int64_t at = begin; at < end; at += trainer.plan().rows()) {
    const int64_t size = std::min(trainer.plan().rows(), end - at);
    SHOAL_ASSIGN_OR_RETURN(
        const Batch part,
        ReadBatch(model_, data_, absl::MakeConstSpan(&order_[at], size),
                  trainer.features(), trainer.labels(), trainer.targets()));
    score.Add(trainer.AddPart(part));
  }
  trainer.FinishStep();
  ++update_.num_steps;
  return std::isfinite(score.loss_sum) ? absl::OkStatus()
                                       : Diverged(update_.num_steps);
}

absl::Status LocalTraining::Train(Trainer& trainer) {
  const int64_t num_examples = data_.num_examples();
  const int64_t batch = trainer.plan().batch_rows();
  steps_in_all_ = training_.epochs * ((num_examples + batch - 1) / batch);
  order_.resize(num_examples);
  std::iota(order_.begin(), order_.end(), int64_t{0});
  for (int epoch = 0; epoch < training_.epochs; ++epoch) {
    if (!training_.keep_order) rng_.Shuffle(absl::MakeSpan(order_));
    for (int64_t begin = 0; begin < num_examples; begin += batch) {
      if (!run_.keep_going()) return absl::OkStatus();
      SHOAL_RETURN_IF_ERROR(
          Step(trainer, begin, std::min(begin + batch, num_examples)));
    }
  }
  update_.complete = true;
  return absl::OkStatus();
}

absl::Status LocalTraining::Finish(absl::Span<const float> trained) {
  if (update_.num_steps == 0) return NotBegun();
  const int64_t shared = model_.layout().num_parameters();
  update_.private_values.assign(trained.begin() + shared, trained.end());
  // The start is needed no more: its memory becomes the difference.
  bool finite = true;
  for (size_t i = 0; i < trained.size(); ++i) {
    start_[i] = trained[i] - start_[i];
    finite &= std::isfinite(start_[i]);
  }
  if (!finite) return Diverged(update_.num_steps);
  start_.resize(shared);
  update_.delta = std::move(start_);
  return absl::OkStatus();
}

absl::StatusOr<LocalUpdate> LocalTraining::Run(MemoryPlan plan) {
  update_.num_examples = data_.num_examples();
  const int64_t rows = plan.rows();
  Block block(
      std::max(plan.bytes(), MemoryPlan::ForPrediction(model_, rows).bytes()));
  SHOAL_RETURN_IF_ERROR(Evaluate(block, rows));
  SHOAL_ASSIGN_OR_RETURN(const std::unique_ptr<Trainer> trainer,
                         Trainer::Create(model_, training_.optimizer,
                                         std::move(plan), block.bytes()));
  std::copy(start_.begin(), start_.end(), trainer->parameters().begin());
  SHOAL_RETURN_IF_ERROR(Train(*trainer));
  SHOAL_RETURN_IF_ERROR(Finish(trainer->parameters()));
  return std::move(update_);
}

}  // namespace

absl::StatusOr<MemoryPlan> PlanLocalUpdate(
    const Model& model, const TrainingOptions& training, int64_t num_examples,
    std::optional<int64_t> memory_bytes) {
  SHOAL_RETURN_IF_ERROR(CheckTraining(training));
  PlanOptions options;
  options.batch_rows = std::clamp<int64_t>(training.batch_size, 1,
                                           std::max<int64_t>(num_examples, 1));
  options.micro_rows =
      std::min<int64_t>(training.micro_batch_size, options.batch_rows);
  options.optimizer_vectors = training.optimizer.num_vectors();
  options.whole_gradient = training.optimizer.clip_norm > 0;
  options.last_layers = training.last_layers;
  if (!memory_bytes.has_value()) return MemoryPlan::ForTraining(model, options);
  return MemoryPlan::Within(model, options, PlanConcessions(), *memory_bytes);
}

absl::StatusOr<LocalUpdate> ComputeLocalUpdate(const Model& model,
                                               absl::Span<const float> base,
                                               const Dataset& data,
                                               const TrainingOptions& training,
                                               const LocalAlgorithm& algorithm,
                                               const LocalRun& run) {
  const double mu = ProximalMu(algorithm);
  SHOAL_RETURN_IF_ERROR(CheckNotNegative("mu", mu));
  SHOAL_RETURN_IF_ERROR(CheckVectors(model, base, run.private_values));
  SHOAL_RETURN_IF_ERROR(CheckFit(model, data));
  if (data.num_examples() < 1) {
    return absl::InvalidArgumentError("the device has no examples");
  }
  SHOAL_ASSIGN_OR_RETURN(
      MemoryPlan plan,
      PlanLocalUpdate(model, training, data.num_examples(), run.memory_bytes));
  return LocalTraining(model, base, data, training, mu, run)
      .Run(std::move(plan));
}

}  // namespace shoal::learning
