#include "client/own_trainer.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "client/menu/upload_work.h"
#include "learning/device_memory.h"
#include "learning/learning_rate.h"
#include "learning/step_sum.h"

namespace shoal::client {
namespace {

using protocol::AbandonReason;

// The tensors of a model, of which the plan may train some only.
std::vector<ModelTensor> TrainedTensors(const learning::Model& model,
                                        int last_layers) {
  std::vector<ModelTensor> tensors = TensorsOf(model.layout());
  size_t tensor = tensors.size();
  int left = last_layers > 0 ? last_layers : model.num_trainable_layers();
  for (size_t i = model.nodes().size(); i-- > 0;) {
    const learning::Node& node = model.nodes()[i];
    if (node.layer == nullptr) continue;
    const bool trained = node.trainable() && left > 0;
    if (trained) --left;
    if (node.is_private) continue;
    for (size_t t = 0; t < node.layer->tensors().size(); ++t) {
      tensors[--tensor].trained = trained;
    }
  }
  return tensors;
}

TrainingTask TaskOf(const protocol::Assignment& assignment,
                    const learning::Model& model, int epochs, uint64_t seed) {
  const learning::TrainingOptions& training = assignment.plan.training;
  TrainingTask task;
  task.task = assignment.task;
  task.round_number = assignment.round_number;
  task.tensors = TrainedTensors(model, training.last_layers);
  task.num_parameters = model.layout().num_parameters();
  task.epochs = epochs;
  task.batch_size = training.batch_size;
  task.learning_rate =
      learning::LearningRate(training.schedule, training.learning_rate,
                             assignment.model.version, /*fraction=*/0);
  if (const auto* prox =
          std::get_if<learning::FedProxLocal>(&assignment.plan.algorithm)) {
    task.proximal_mu = prox->mu;
  }
  if (const auto* sgd =
          std::get_if<learning::SgdOptimizer>(&training.optimizer.rule)) {
    task.momentum = sgd->momentum;
    task.nesterov = sgd->nesterov;
  }
  task.seed = seed;
  return task;
}

// Beyond it no device has memory, and sums would overflow.
constexpr int64_t kMostBytes = int64_t{1} << 50;

absl::Status CheckCost(const TrainingCost& cost) {
  if (cost.num_steps >= 1 && std::isfinite(cost.flops_per_step) &&
      cost.flops_per_step >= 0 && cost.memory_bytes >= 0 &&
      cost.memory_bytes <= kMostBytes) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat(
      "the trainer plans ", cost.num_steps, " steps of ", cost.flops_per_step,
      " operations in ", cost.memory_bytes,
      " bytes, expected at least 1, nothing below 0 and at most 2^50 bytes"));
}

// Others are refused by the coordinator.
absl::Status CheckSteps(const protocol::Plan& plan, const TrainingCost& cost,
                        int64_t num_examples) {
  if (!std::holds_alternative<learning::FedNovaLocal>(plan.algorithm)) {
    return absl::OkStatus();
  }
  const int64_t most = learning::MaxSteps(plan.training, num_examples);
  if (cost.num_steps <= most) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "the trainer plans ", cost.num_steps, " steps, with fednova at most ",
      most, " can be for ", num_examples, " examples"));
}

// What the trainer says; that it was cancelled only the client can.
absl::Status OfTrainer(const absl::Status& status) {
  if (!absl::IsCancelled(status)) return status;
  return absl::UnknownError(
      absl::StrCat("the trainer cancelled itself: ", status.message()));
}

absl::Status CheckMetrics(const TrainingMetrics& metrics) {
  if (metrics.num_examples >= 1 && std::isfinite(metrics.base_loss_sum) &&
      metrics.base_loss_sum >= 0 && metrics.base_num_correct.value_or(0) >= 0 &&
      metrics.base_num_correct.value_or(0) <= metrics.num_examples) {
    return absl::OkStatus();
  }
  const std::string error = absl::StrCat(
      "the trainer tells of ", metrics.num_examples, " examples, a loss of ",
      metrics.base_loss_sum, " and ", metrics.base_num_correct.value_or(0),
      " right predictions, expected an example, a finite loss of at least 0 "
      "and no more right predictions than examples");
  // A loss may grow beyond all bounds; the rest is nonsense.
  return std::isfinite(metrics.base_loss_sum)
             ? absl::InvalidArgumentError(error)
             : absl::AbortedError(error);
}

Objection CheckRoom(const protocol::Plan& plan, const learning::Model& model,
                    const TrainingCost& cost, int64_t memory_bytes) {
  const std::optional<int64_t> limit = MemoryLimit(plan, memory_bytes);
  const int64_t needed =
      learning::ExternalMemoryBytes(model, cost.memory_bytes);
  if (needed <= limit.value_or(needed)) return {};
  return {absl::FailedPreconditionError(absl::StrCat(
              "this device may use ", *limit,
              " bytes of memory, its trainer and the model take ", needed)),
          AbandonReason::kMemory};
}

class OwnRun final : public TrainingRun {
 public:
  // `rate`: of the plan's learning rate, in this round.
  OwnRun(Trainer& trainer, TrainingTask task, int64_t steps_in_all,
         std::optional<learning::StepSum> step_sum, double rate)
      : trainer_(trainer),
        task_(std::move(task)),
        steps_in_all_(steps_in_all),
        step_sum_(step_sum),
        rate_(rate) {}
  ~OwnRun() override {
    if (!finished_) trainer_.Cancel();
  }

  bool done() const override { return num_steps_ == steps_in_all_; }
  int64_t num_steps() const override { return num_steps_; }
  double work_in_steps() const override {
    return static_cast<double>(num_steps_);
  }
  double share_before() const override { return 1; }

  absl::Status Step() override {
    SHOAL_CHECK(!done());
    SHOAL_RETURN_IF_ERROR(OfTrainer(trainer_.Step()));
    ++num_steps_;
    if (step_sum_.has_value()) step_sum_->Step(rate_);
    return absl::OkStatus();
  }

  absl::StatusOr<learning::LocalUpdate> Finish() override {
    if (num_steps_ == 0) {
      return absl::AbortedError("training was stopped before its first step");
    }
    learning::LocalUpdate update;
    update.delta.resize(task_.num_parameters);
    finished_ = true;
    const absl::StatusOr<TrainingMetrics> told =
        trainer_.Finish(absl::MakeSpan(update.delta));
    SHOAL_RETURN_IF_ERROR(OfTrainer(told.status()));
    const TrainingMetrics& metrics = *told;
    SHOAL_RETURN_IF_ERROR(CheckMetrics(metrics));
    DropUntrained(absl::MakeSpan(update.delta));
    if (step_sum_.has_value() && step_sum_->sum() > 0) {
      update.divisor = step_sum_->sum();
    }
    for (size_t i = 0; i < update.delta.size(); ++i) {
      update.delta[i] /= static_cast<float>(update.divisor);
      if (std::isfinite(update.delta[i])) continue;
      return absl::AbortedError(
          absl::StrCat("the trainer's change of value ", i, " is not finite"));
    }
    update.num_examples = metrics.num_examples;
    update.num_steps = num_steps_;
    update.base_score = {metrics.base_loss_sum, metrics.base_num_correct,
                         metrics.num_examples};
    update.complete = done();
    return update;
  }

 private:
  void DropUntrained(absl::Span<float> delta) const {
    for (const ModelTensor& tensor : task_.tensors) {
      int64_t size = 1;
      for (const int64_t dim : tensor.dims) size *= dim;
      if (!tensor.trained) std::fill_n(delta.begin(), size, 0.0f);
      delta.remove_prefix(size);
    }
  }

  Trainer& trainer_;
  const TrainingTask task_;
  const int64_t steps_in_all_;
  std::optional<learning::StepSum> step_sum_;  // of FedNova
  const double rate_;
  int64_t num_steps_ = 0;
  bool finished_ = false;
};

// The plan's epochs, their half and so on, with what the trainer says of each.
Objection AddEntries(const protocol::Assignment& assignment, Trainer& trainer,
                     int64_t memory_bytes, MenuEntry whole, DeviceMenu& menu) {
  const protocol::Plan& plan = assignment.plan;
  const learning::Model& model = menu.models[0]->whole();
  Objection room;  // to the last that was too much
  for (int epochs = plan.training.epochs; epochs >= 1; epochs /= 2) {
    const absl::StatusOr<TrainingCost> cost =
        trainer.Plan(TaskOf(assignment, model, epochs, /*seed=*/0));
    if (!cost.ok()) {
      return {OfTrainer(cost.status()), AbandonReason::kTraining};
    }
    absl::Status sound = CheckCost(*cost);
    sound.Update(CheckSteps(plan, *cost, trainer.num_examples()));
    if (!sound.ok()) return {sound, AbandonReason::kTraining};
    Objection too_much = CheckRoom(plan, model, *cost, memory_bytes);
    if (!too_much.why.ok()) {
      menu.limit = learning::WorkLimit::kMemory;
      room = std::move(too_much);
      continue;
    }
    MenuEntry entry = whole;
    entry.training.epochs = epochs;
    entry.block_bytes = cost->memory_bytes;
    entry.cost.step.flops = cost->flops_per_step;
    entry.cost.num_steps = cost->num_steps;
    entry.cost.worth =
        std::sqrt(static_cast<double>(epochs) / plan.training.epochs);
    if (epochs != plan.training.epochs) {
      entry.less =
          absl::StrCat(epochs, " of ", plan.training.epochs, " epochs");
    }
    menu.entries.push_back(std::move(entry));
  }
  return room;
}

}  // namespace

std::vector<ModelTensor> TensorsOf(const learning::ParameterLayout& layout) {
  std::vector<ModelTensor> tensors;
  for (const learning::TensorShape& tensor : layout.tensors()) {
    tensors.push_back({tensor.name, tensor.dims});
  }
  return tensors;
}

DeviceMenu MakeOwnMenu(const protocol::Assignment& assignment, Trainer& trainer,
                       int64_t memory_bytes, int64_t fetched_bytes) {
  const protocol::Plan& plan = assignment.plan;
  DeviceMenu menu;
  auto model = DeviceModel::Create(plan.model, /*width=*/1);
  if (!model.ok()) {
    menu.objection = {model.status(), AbandonReason::kTraining};
    return menu;
  }
  const absl::Status algorithm = learning::CheckOwnTrainers(plan.algorithm);
  if (!algorithm.ok()) {
    menu.objection = {algorithm, AbandonReason::kTraining};
    return menu;
  }
  menu.objection = CheckPlanSizes(assignment, (*model)->whole());
  if (menu.objection.why.ok()) {
    menu.objection = CheckMasking(plan, (*model)->whole(), memory_bytes);
  }
  if (menu.objection.why.ok()) {
    menu.objection = CheckNumExamples(plan, trainer.num_examples());
  }
  if (!menu.objection.why.ok()) return menu;
  MenuEntry whole;
  whole.training = plan.training;
  whole.cost.before.bytes_received = static_cast<double>(fetched_bytes);
  const absl::StatusOr<Work> upload =
      UploadWork(plan, (*model)->whole().layout().num_parameters());
  SHOAL_CHECK(upload.ok());  // CheckPlanSizes has asked
  whole.cost.upload = *upload;
  menu.models.push_back(*std::move(model));
  menu.objection =
      AddEntries(assignment, trainer, memory_bytes, std::move(whole), menu);
  // Fewer epochs may take less memory; what is there is good.
  if (!menu.entries.empty()) menu.objection = {};
  return menu;
}

absl::StatusOr<std::unique_ptr<TrainingRun>> BeginOwnTraining(
    const protocol::Assignment& assignment, const MenuEntry& entry,
    uint64_t seed, absl::Span<const float> base, Trainer& trainer) {
  const protocol::Plan& plan = assignment.plan;
  SHOAL_ASSIGN_OR_RETURN(const auto model, learning::Model::Create(plan.model));
  SHOAL_RETURN_IF_ERROR(
      learning::CheckAlgorithm(plan.algorithm, plan.training, *model));
  std::optional<learning::StepSum> step_sum;
  if (std::holds_alternative<learning::FedNovaLocal>(plan.algorithm)) {
    step_sum.emplace(
        std::get<learning::SgdOptimizer>(plan.training.optimizer.rule));
  }
  TrainingTask task = TaskOf(assignment, *model, entry.training.epochs, seed);
  SHOAL_RETURN_IF_ERROR(OfTrainer(trainer.Begin(task, base)));
  const double rate = task.learning_rate / plan.training.learning_rate;
  return std::make_unique<OwnRun>(trainer, std::move(task),
                                  entry.cost.num_steps, step_sum, rate);
}

}  // namespace shoal::client
