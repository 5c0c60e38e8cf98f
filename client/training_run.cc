#include "client/training_run.h"

#include <utility>

#include "base/status_macros.h"

namespace shoal::client {
namespace {

class ModelRun final : public TrainingRun {
 public:
  explicit ModelRun(std::unique_ptr<learning::LocalTraining> training)
      : training_(std::move(training)) {}

  bool done() const override { return training_->done(); }
  int64_t num_steps() const override { return training_->num_steps(); }
  double work_in_steps() const override { return training_->work_in_steps(); }
  double share_before() const override { return training_->share_before(); }
  absl::Status Step() override { return training_->Step(); }
  absl::StatusOr<learning::LocalUpdate> Finish() override {
    return training_->Finish();
  }

 private:
  const std::unique_ptr<learning::LocalTraining> training_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<TrainingRun>> BeginLocalTraining(
    const TrainingOrder& order) {
  SHOAL_ASSIGN_OR_RETURN(
      auto training, learning::LocalTraining::Create(
                         order.model, order.base, order.data, order.training,
                         order.algorithm, order.run));
  return std::make_unique<ModelRun>(std::move(training));
}

}  // namespace shoal::client
