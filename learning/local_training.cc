#include "learning/local_training.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <variant>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"

namespace shoal::learning {
namespace {

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

}  // namespace

LocalTraining::LocalTraining(const Model& model, absl::Span<const float> base,
                             const Dataset& data,
                             const TrainingOptions& training,
                             const LocalAlgorithm& algorithm,
                             const LocalRun& run, int64_t block_bytes)
    : model_(model),
      data_(data),
      training_(training),
      proximal_mu_(ProximalMu(algorithm)),
      seed_(run.seed),
      round_(run.round),
      rng_(run.seed),
      start_(base.begin(), base.end()),
      order_(data.num_examples()),
      block_(block_bytes) {
  std::iota(order_.begin(), order_.end(), int64_t{0});
  update_.num_examples = data.num_examples();
  if (std::holds_alternative<FedNovaLocal>(algorithm)) {
    step_sum_.emplace(std::get<SgdOptimizer>(training.optimizer.rule));
  }
  const int64_t kept = model.private_layout().num_parameters();
  if (kept == 0) return;
  const ParameterVector initial = model.InitialPrivateValues();
  const absl::Span<const float> values = run.private_values.empty()
                                             ? absl::MakeConstSpan(initial)
                                             : run.private_values;
  start_.insert(start_.end(), values.begin(), values.end());
  update_.private_values.resize(kept);
}

absl::StatusOr<std::unique_ptr<LocalTraining>> LocalTraining::Create(
    const Model& model, absl::Span<const float> base, const Dataset& data,
    const TrainingOptions& training, const LocalAlgorithm& algorithm,
    const LocalRun& run) {
  SHOAL_RETURN_IF_ERROR(CheckAlgorithm(algorithm, training.optimizer));
  SHOAL_RETURN_IF_ERROR(CheckVectors(model, base, run.private_values));
  SHOAL_RETURN_IF_ERROR(CheckFit(model, data));
  const int64_t num_examples = data.num_examples();
  if (num_examples < 1) {
    return absl::InvalidArgumentError("the device has no examples");
  }
  SHOAL_ASSIGN_OR_RETURN(
      MemoryPlan plan,
      PlanLocalUpdate(model, training, num_examples, run.memory_bytes));
  MemoryPlan evaluation = MemoryPlan::ForPrediction(model, plan.rows());
  auto made = absl::WrapUnique(
      new LocalTraining(model, base, data, training, algorithm, run,
                        std::max(plan.bytes(), evaluation.bytes())));
  const int64_t batch = plan.batch_rows();
  made->steps_in_all_ = training.epochs * ((num_examples + batch - 1) / batch);
  SHOAL_ASSIGN_OR_RETURN(
      made->predictor_,
      Predictor::Create(model, std::move(evaluation), made->block_.bytes()));
  SHOAL_ASSIGN_OR_RETURN(
      made->trainer_, Trainer::Create(model, training.optimizer,
                                      std::move(plan), made->block_.bytes()));
  return made;
}

absl::Status LocalTraining::Step() {
  SHOAL_CHECK(!done());
  return evaluated_ < data_.num_examples() ? Evaluate() : Train();
}

absl::Status LocalTraining::Evaluate() {
  const int64_t size =
      std::min(predictor_->plan().rows(), data_.num_examples() - evaluated_);
  SHOAL_ASSIGN_OR_RETURN(
      const Score score,
      EvaluateExamples(*predictor_, start_, data_,
                       absl::MakeConstSpan(&order_[evaluated_], size)));
  update_.base_score.Add(score);
  evaluated_ += size;
  if (!std::isfinite(update_.base_score.loss_sum)) return Diverged(0);
  if (evaluated_ == data_.num_examples()) BeginTraining();
  return absl::OkStatus();
}

void LocalTraining::BeginTraining() {
  trainer_->ResetOptimizer();  // the evaluation has used its memory
  std::copy(start_.begin(), start_.end(), trainer_->parameters().begin());
}

double LocalTraining::RateNow() const {
  const double fraction = static_cast<double>(update_.num_steps) /
                          static_cast<double>(steps_in_all_);
  return LearningRate(training_.schedule, training_.learning_rate, round_,
                      fraction);
}

StepOptions LocalTraining::OptionsNow() const {
  StepOptions options;
  options.learning_rate = static_cast<float>(rate_);
  options.proximal_mu = static_cast<float>(proximal_mu_);
  if (proximal_mu_ != 0) options.anchor = start_;
  options.seed = seed_;
  return options;
}

absl::Status LocalTraining::Train() {
  if (next_ == batch_end_) BeginBatch();
  const int64_t size = std::min(trainer_->plan().rows(), batch_end_ - next_);
  SHOAL_ASSIGN_OR_RETURN(
      const Batch part,
      ReadBatch(model_, data_, absl::MakeConstSpan(&order_[next_], size),
                trainer_->features(), trainer_->labels(), trainer_->targets()));
  batch_score_.Add(trainer_->AddPart(part));
  next_ += size;
  if (next_ < batch_end_) return absl::OkStatus();
  trainer_->FinishStep();
  ++update_.num_steps;
  if (step_sum_.has_value()) step_sum_->Step(rate_ / training_.learning_rate);
  return std::isfinite(batch_score_.loss_sum) ? absl::OkStatus()
                                              : Diverged(update_.num_steps);
}

void LocalTraining::BeginBatch() {
  const int64_t num_examples = data_.num_examples();
  if (next_ == num_examples) next_ = 0;
  if (next_ == 0 && !training_.keep_order) {
    rng_.Shuffle(absl::MakeSpan(order_));
  }
  batch_end_ = std::min(next_ + trainer_->plan().batch_rows(), num_examples);
  batch_score_ = Score();
  rate_ = RateNow();
  trainer_->StartStep(batch_end_ - next_, OptionsNow());
}

absl::StatusOr<LocalUpdate> LocalTraining::Finish() {
  if (update_.num_steps == 0) {
    return absl::AbortedError("training was stopped before its first step");
  }
  update_.complete = done();
  const absl::Span<const float> trained = trainer_->parameters();
  const int64_t shared = model_.layout().num_parameters();
  std::copy(trained.begin() + shared, trained.end(),
            update_.private_values.begin());
  // Where the rate was 0 all the time, nothing has moved.
  if (step_sum_.has_value() && step_sum_->sum() > 0) {
    update_.divisor = step_sum_->sum();
  }
  // The start is needed no more: its memory becomes the difference.
  const float factor = static_cast<float>(1 / update_.divisor);
  bool finite = true;
  for (size_t i = 0; i < trained.size(); ++i) {
    start_[i] = (trained[i] - start_[i]) * factor;
    finite &= std::isfinite(start_[i]);
  }
  if (!finite) return Diverged(update_.num_steps);
  start_.resize(shared);
  update_.delta = std::move(start_);
  return std::move(update_);
}

}  // namespace shoal::learning
