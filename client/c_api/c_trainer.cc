#include "client/c_api/c_trainer.h"

#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/status_macros.h"

namespace shoal::client {
namespace {

// What a function of the product's returned.
absl::Status ToStatus(int32_t code, absl::string_view function) {
  if (code == SHOAL_OK) return absl::OkStatus();
  const bool known = code > SHOAL_OK && code <= SHOAL_UNAUTHENTICATED;
  return absl::Status(
      known ? static_cast<absl::StatusCode>(code) : absl::StatusCode::kUnknown,
      absl::StrCat("the product's trainer returned ", code, " from ",
                   function));
}

// A task whose pointers lead into another, which must outlive it.
class CTask {
 public:
  explicit CTask(const TrainingTask& task) {
    for (const ModelTensor& tensor : task.tensors) {
      tensors_.push_back({tensor.name.c_str(), tensor.dims.data(),
                          tensor.dims.size(), tensor.trained});
    }
    c_.struct_size = sizeof(c_);
    c_.task = task.task.c_str();
    c_.round_number = task.round_number;
    c_.tensors = tensors_.data();
    c_.num_tensors = tensors_.size();
    c_.num_parameters = task.num_parameters;
    c_.epochs = task.epochs;
    c_.batch_size = task.batch_size;
    c_.learning_rate = task.learning_rate;
    c_.proximal_mu = task.proximal_mu;
    c_.momentum = task.momentum;
    c_.nesterov = task.nesterov;
    c_.seed = task.seed;
  }
  const shoal_training_task* get() const { return &c_; }

 private:
  std::vector<shoal_tensor> tensors_;
  shoal_training_task c_ = {};
};

class CTrainer final : public Trainer {
 public:
  explicit CTrainer(const shoal_trainer& trainer) : c_(trainer) {}

  int64_t num_examples() const override { return c_.num_examples(c_.context); }

  absl::StatusOr<TrainingCost> Plan(const TrainingTask& task) override {
    shoal_training_cost cost = {};
    cost.struct_size = sizeof(cost);
    SHOAL_RETURN_IF_ERROR(
        ToStatus(c_.plan(c_.context, CTask(task).get(), &cost), "plan"));
    return TrainingCost{cost.num_steps, cost.flops_per_step, cost.memory_bytes};
  }

  absl::Status Begin(const TrainingTask& task,
                     absl::Span<const float> base) override {
    return ToStatus(c_.begin(c_.context, CTask(task).get(), base.data()),
                    "begin");
  }

  absl::Status Step() override { return ToStatus(c_.step(c_.context), "step"); }

  absl::StatusOr<TrainingMetrics> Finish(absl::Span<float> delta) override {
    shoal_training_metrics c = {};
    c.struct_size = sizeof(c);
    c.base_num_correct = -1;
    SHOAL_RETURN_IF_ERROR(
        ToStatus(c_.finish(c_.context, delta.data(), &c), "finish"));
    TrainingMetrics metrics;
    metrics.num_examples = c.num_examples;
    metrics.base_loss_sum = c.base_loss_sum;
    if (c.base_num_correct >= 0) metrics.base_num_correct = c.base_num_correct;
    return metrics;
  }

  void Cancel() override {
    if (c_.cancel != nullptr) c_.cancel(c_.context);
  }

 private:
  const shoal_trainer c_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Trainer>> TrainerFrom(
    const shoal_trainer& trainer) {
  const std::pair<const char*, bool> functions[] = {
      {"num_examples", trainer.num_examples != nullptr},
      {"plan", trainer.plan != nullptr},
      {"begin", trainer.begin != nullptr},
      {"step", trainer.step != nullptr},
      {"finish", trainer.finish != nullptr}};
  for (const auto& [name, is_there] : functions) {
    if (is_there) continue;
    return absl::InvalidArgumentError(absl::StrCat(
        "options.trainer.", name, ": is NULL, expected a function"));
  }
  return std::make_unique<CTrainer>(trainer);
}

}  // namespace shoal::client
