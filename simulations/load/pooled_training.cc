#include "simulations/load/pooled_training.h"

#include <optional>

#include "base/check.h"
#include "base/status_macros.h"

namespace shoal::simulations {

using client::TrainingOrder;
using learning::LocalUpdate;

class PooledRun final : public client::TrainingRun {
 public:
  PooledRun(PooledTraining& owner, const TrainingOrder& order)
      : owner_(owner),
        model_(order.model),
        base_(order.base),
        training_(order.training),
        algorithm_(order.algorithm),
        run_(order.run),
        private_values_(order.run.private_values.begin(),
                        order.run.private_values.end()),
        own_control_(order.run.own_control.begin(),
                     order.run.own_control.end()),
        cost_(order.cost) {
    run_.private_values = private_values_;
    run_.own_control = own_control_;
  }
  ~PooledRun() override { SHOAL_CHECK(!owner_.is_computing_); }

  bool done() const override { return num_steps_ == cost_.num_steps; }
  int64_t num_steps() const override { return num_steps_; }
  double work_in_steps() const override {
    return static_cast<double>(num_steps_);
  }
  double share_before() const override { return 1; }

  absl::Status Step() override {
    SHOAL_CHECK(!done());
    ++num_steps_;
    return absl::OkStatus();
  }

  bool ready() override {
    if (num_steps_ == 0) return true;
    if (!is_begun_) {
      is_begun_ = true;
      owner_.is_computing_ = true;
      owner_.options_.pool->Schedule([this] {
        update_ = Compute();
        owner_.options_.on_computed();
      });
    }
    return !owner_.is_computing_;
  }

  absl::StatusOr<LocalUpdate> Finish() override {
    if (num_steps_ == 0) {
      return absl::AbortedError("training was stopped before its first step");
    }
    return std::move(update_);
  }

 private:
  absl::StatusOr<LocalUpdate> Compute() {
    if (!owner_.options_.is_wanted()) {
      return absl::CancelledError("training was stopped: the run ends");
    }
    SHOAL_ASSIGN_OR_RETURN(const auto data, owner_.options_.load(run_.round));
    SHOAL_ASSIGN_OR_RETURN(const auto run, client::BeginLocalTraining(
                                               {model_, base_, *data, training_,
                                                algorithm_, run_, cost_}));
    // Where the examples drift there may be fewer than were planned for.
    while (run->num_steps() < num_steps_ && !run->done()) {
      SHOAL_RETURN_IF_ERROR(run->Step());
    }
    return run->Finish();
  }

  PooledTraining& owner_;
  // The order, with the device's own values.
  const learning::Model& model_;
  const absl::Span<const float> base_;
  const learning::TrainingOptions& training_;
  const learning::LocalAlgorithm& algorithm_;
  learning::LocalRun run_;
  const learning::ParameterVector private_values_;
  const learning::ParameterVector own_control_;
  const client::PlanCost cost_;
  int64_t num_steps_ = 0;
  bool is_begun_ = false;
  // By the pool, before on_computed().
  absl::StatusOr<LocalUpdate> update_;
};

absl::StatusOr<std::unique_ptr<client::TrainingRun>> PooledTraining::Begin(
    const TrainingOrder& order) {
  return std::make_unique<PooledRun>(*this, order);
}

}  // namespace shoal::simulations
