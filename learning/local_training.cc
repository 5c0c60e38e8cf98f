#include "learning/local_training.h"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "absl/memory/memory.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learning/training_flops.h"

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

absl::StatusOr<LocalPlan> PlanFor(const Model& model,
                                  const TrainingOptions& training,
                                  int64_t num_examples,
                                  const LocalAlgorithm& algorithm,
                                  const LocalRun& run) {
  if (run.plan.has_value()) {
    SHOAL_CHECK(run.plan->training.batch_rows() ==
                std::min<int64_t>(training.batch_size, num_examples));
    return *run.plan;
  }
  SHOAL_ASSIGN_OR_RETURN(MemoryPlan plan,
                         PlanLocalUpdate(model, training, num_examples,
                                         run.memory_bytes, algorithm));
  return LocalPlan(model, std::move(plan));
}

bool AllFinite(absl::Span<const float> values) {
  bool finite = true;
  for (const float value : values) finite &= std::isfinite(value);
  return finite;
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
      traits_(TraitsOf(algorithm)),
      seed_(run.seed),
      round_(run.round),
      rng_(run.seed),
      order_(data.num_examples()),
      block_(block_bytes) {
  std::iota(order_.begin(), order_.end(), int64_t{0});
  update_.num_examples = data.num_examples();
  const int64_t kept = model.private_layout().num_parameters();
  // Room for all of the update.
  start_.reserve(traits_.num_vectors * base.size() + kept);
  start_.assign(base.begin(), base.end());
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
  SHOAL_RETURN_IF_ERROR(CheckAlgorithm(algorithm, training, model));
  SHOAL_RETURN_IF_ERROR(CheckVectors(model, base, run.private_values));
  SHOAL_RETURN_IF_ERROR(CheckFit(model, data));
  const int64_t num_examples = data.num_examples();
  if (num_examples < 1) {
    return absl::InvalidArgumentError("the device has no examples");
  }
  SHOAL_ASSIGN_OR_RETURN(
      const LocalPlan plan,
      PlanFor(model, training, num_examples, algorithm, run));
  auto made = absl::WrapUnique(new LocalTraining(model, base, data, training,
                                                 algorithm, run, plan.bytes()));
  SHOAL_ASSIGN_OR_RETURN(
      made->method_,
      MakeLocalMethod(algorithm, {made->training_, made->start_, run}));
  const int64_t batch = plan.training.batch_rows();
  made->steps_in_all_ =
      made->traits_.trains
          ? training.epochs * ((num_examples + batch - 1) / batch)
          : 1;
  SHOAL_ASSIGN_OR_RETURN(
      made->predictor_,
      Predictor::Create(model, plan.scoring, made->block_.bytes()));
  SHOAL_ASSIGN_OR_RETURN(
      made->trainer_, Trainer::Create(model, training.optimizer, plan.training,
                                      made->block_.bytes()));
  return made;
}

absl::Status LocalTraining::Step() {
  SHOAL_CHECK(!done());
  if (evaluated_ < data_.num_examples()) return Evaluate();
  return WantsGradient() ? AddToGradient() : Train();
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

bool LocalTraining::WantsGradient() const {
  return traits_.full_gradient && graded_ < data_.num_examples();
}

absl::Status LocalTraining::AddToGradient() {
  const int64_t num_examples = data_.num_examples();
  if (graded_ == 0) {
    batch_score_ = Score();
    rate_ = RateNow();
    trainer_->StartStep(num_examples, OptionsNow());
  }
  SHOAL_ASSIGN_OR_RETURN(graded_, AddExamples(graded_, num_examples));
  if (graded_ < num_examples) return absl::OkStatus();
  if (!std::isfinite(batch_score_.loss_sum)) return Diverged(0);
  TakeGradient();
  return absl::OkStatus();
}

void LocalTraining::TakeGradient() {
  trainer_->CopyGradient(method_->PlaceOfGradient(absl::MakeSpan(start_)));
  trainer_->ResetOptimizer();  // that was none of its steps
  if (traits_.trains) return;
  ++update_.num_steps;
  method_->AfterStep(rate_);
}

double LocalTraining::share_before() const {
  const int64_t examples = data_.num_examples();
  if (!traits_.full_gradient) {
    return static_cast<double>(evaluated_) / static_cast<double>(examples);
  }
  // A gradient takes so many times the arithmetic of a prediction.
  const double times = FlopsPerExample(model_, trainer_->plan()) /
                       (2 * static_cast<double>(model_.forward_macs()));
  // Of a gradient that is all there is the last part is the step.
  const int64_t before =
      traits_.trains ? examples
                     : examples - LastPart(examples, trainer_->plan().rows());
  const double graded = static_cast<double>(std::min(graded_, before));
  return (static_cast<double>(evaluated_) + times * graded) /
         (static_cast<double>(examples) + times * static_cast<double>(before));
}

double LocalTraining::work_in_steps() const {
  const double steps = static_cast<double>(update_.num_steps);
  if (next_ == batch_end_) return steps;
  return steps + static_cast<double>(next_ - batch_begin_) /
                     static_cast<double>(batch_end_ - batch_begin_);
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
  options.seed = seed_;
  method_->BeforeStep(options);
  return options;
}

absl::Status LocalTraining::Train() {
  if (next_ == batch_end_) BeginBatch();
  SHOAL_ASSIGN_OR_RETURN(next_, AddExamples(next_, batch_end_));
  if (next_ < batch_end_) return absl::OkStatus();
  trainer_->FinishStep();
  ++update_.num_steps;
  method_->AfterStep(rate_);
  return std::isfinite(batch_score_.loss_sum) ? absl::OkStatus()
                                              : Diverged(update_.num_steps);
}

absl::StatusOr<int64_t> LocalTraining::AddExamples(int64_t begin, int64_t end) {
  const int64_t size = std::min(trainer_->plan().rows(), end - begin);
  SHOAL_ASSIGN_OR_RETURN(
      const Batch part,
      ReadBatch(model_, data_, absl::MakeConstSpan(&order_[begin], size),
                trainer_->features(), trainer_->labels(), trainer_->targets()));
  batch_score_.Add(trainer_->AddPart(part));
  return begin + size;
}

void LocalTraining::BeginBatch() {
  const int64_t num_examples = data_.num_examples();
  if (next_ == num_examples) next_ = 0;
  if (next_ == 0 && !training_.keep_order) {
    rng_.Shuffle(absl::MakeSpan(order_));
  }
  batch_begin_ = next_;
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
  // The start is needed no more: its memory becomes the difference.
  if (traits_.trains) {
    for (size_t i = 0; i < trained.size(); ++i) {
      start_[i] = trained[i] - start_[i];
    }
  }
  const bool finite = AllFinite(absl::MakeConstSpan(start_).subspan(shared));
  start_.resize(shared);
  update_.delta = std::move(start_);
  method_->Finish(update_);
  if (!finite || !AllFinite(update_.delta)) return Diverged(update_.num_steps);
  return std::move(update_);
}

}  // namespace shoal::learning
