#include "client/training_run.h"

#include <utility>

#include "base/status_macros.h"

namespace shoal::client {
namespace {

class ModelRun final : public TrainingRun {
 public:
  ModelRun(std::unique_ptr<learning::LocalTraining> training,
           int64_t num_examples)
      : training_(std::move(training)), num_examples_(num_examples) {}

  bool done() const override { return training_->done(); }
  int64_t num_steps() const override { return training_->num_steps(); }
  double share_before() const override {
    return static_cast<double>(training_->num_evaluated()) /
           static_cast<double>(num_examples_);
  }
  absl::Status Step() override { return training_->Step(); }
  absl::StatusOr<learning::LocalUpdate> Finish() override {
    return training_->Finish();
  }

 private:
  const std::unique_ptr<learning::LocalTraining> training_;
  const int64_t num_examples_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TrainingRun>> BeginLocalTraining(
    const TrainingOrder& order) {
  SHOAL_ASSIGN_OR_RETURN(
      auto training, learning::LocalTraining::Create(
                         order.model, order.base, order.data, order.training,
                         order.algorithm, order.run));
  return std::make_unique<ModelRun>(std::move(training),
                                    order.data.num_examples());
}

}  // namespace shoal::client
