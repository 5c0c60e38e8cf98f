#include "client/run_or_zeros.h"

#include <utility>

namespace shoal::client {
namespace {

class OrZeros final : public TrainingRun {
 public:
  OrZeros(std::unique_ptr<TrainingRun> run, int64_t num_values,
          absl::Status& why)
      : run_(std::move(run)), num_values_(num_values), why_(why) {}

  bool done() const override { return !why_.ok() || run_->done(); }
  int64_t num_steps() const override { return run_->num_steps(); }
  double work_in_steps() const override { return run_->work_in_steps(); }
  double share_before() const override { return run_->share_before(); }

  absl::Status Step() override {
    absl::Status status = run_->Step();
    if (!absl::IsAborted(status)) return status;
    why_ = std::move(status);
    return absl::OkStatus();
  }

  bool ready() override { return !why_.ok() || run_->ready(); }

  absl::StatusOr<learning::LocalUpdate> Finish() override {
    if (!why_.ok()) return Zeros();
    const int64_t steps = num_steps();
    absl::StatusOr<learning::LocalUpdate> update = run_->Finish();
    // Without a step there is no update, whatever the examples are.
    if (!absl::IsAborted(update.status()) || steps == 0) return update;
    why_ = update.status();
    return Zeros();
  }

 private:
  learning::LocalUpdate Zeros() const {
    learning::LocalUpdate zeros;
    zeros.delta.resize(num_values_);
    zeros.num_steps = num_steps();
    return zeros;
  }

  const std::unique_ptr<TrainingRun> run_;
  const int64_t num_values_;
  absl::Status& why_;
};

}  // namespace

std::unique_ptr<TrainingRun> RunOrZeros(std::unique_ptr<TrainingRun> run,
                                        int64_t num_values, absl::Status& why) {
  return std::make_unique<OrZeros>(std::move(run), num_values, why);
}

}  // namespace shoal::client
