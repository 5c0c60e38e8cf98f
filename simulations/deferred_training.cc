#include "simulations/deferred_training.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/bytes.h"
#include "base/check.h"
#include "base/status_macros.h"
#include "learning/local_training.h"

namespace shoal::simulations {
namespace {

using client::TrainingOrder;
using learning::LocalUpdate;

// What a thread of the pool needs to train `num_steps` mini-batches. Refers to
// what the order refers to.
struct Computation {
  const learning::Model* model;
  absl::Span<const float> base;
  const learning::TrainingOptions* training;
  const learning::LocalAlgorithm* algorithm;
  learning::LocalRun run;
  learning::ParameterVector private_values;
  learning::ParameterVector own_control;
  std::function<absl::StatusOr<std::shared_ptr<const learning::Dataset>>(
      const learning::Moment&)>
      load;
  learning::Moment moment;
  int64_t num_examples = 0;  // that were planned for
  int64_t device = 0;
  CraftedUpdates crafted;
  int64_t num_values = 0;  // of an update
  bool is_all = false;     // num_steps are all that were asked for
  int64_t num_steps = 0;

  std::optional<LocalUpdate> Crafted() const {
    if (!crafted) return std::nullopt;
    LocalUpdate update;
    update.delta.resize(num_values);
    if (!crafted(device, absl::MakeSpan(update.delta))) return std::nullopt;
    update.private_values = private_values;
    update.num_examples = num_examples;
    update.num_steps = num_steps;
    update.complete = is_all;
    return update;
  }

  absl::StatusOr<LocalUpdate> Compute() {
    if (auto update = Crafted(); update.has_value()) return *std::move(update);
    SHOAL_ASSIGN_OR_RETURN(const auto data, load(moment));
    run.private_values = private_values;
    run.own_control = own_control;
    if (data->num_examples() != num_examples) run.plan.reset();
    SHOAL_ASSIGN_OR_RETURN(
        const auto local, learning::LocalTraining::Create(
                              *model, base, *data, *training, *algorithm, run));
    // Where the examples drift there may be fewer than were planned for.
    while (local->num_steps() < num_steps && !local->done()) {
      SHOAL_RETURN_IF_ERROR(local->Step());
    }
    return local->Finish();
  }
};

}  // namespace

class DeferredRun final : public client::TrainingRun {
 public:
  DeferredRun(DeferredTraining& owner, const DeferredTrainingOptions& options,
              const TrainingOrder& order)
      : owner_(owner),
        options_(options),
        cost_(order.cost),
        most_steps_(MostSteps(options, order)),
        num_examples_(order.data.num_examples()),
        num_values_(learning::TraitsOf(order.algorithm).num_vectors *
                    order.model.layout().num_parameters()) {
    computation_ = std::make_unique<Computation>(Computation{
        &order.model,
        order.base,
        &order.training,
        &order.algorithm,
        order.run,
        {order.run.private_values.begin(), order.run.private_values.end()},
        {order.run.own_control.begin(), order.run.own_control.end()},
        options.load,
        {order.run.round, options.clock->Now() - absl::UnixEpoch()},
        num_examples_,
        options.device,
        options.crafted,
        num_values_});
  }

  ~DeferredRun() override { owner_.waiting_ = false; }

  bool done() const override { return num_steps_ == most_steps_; }
  int64_t num_steps() const override { return num_steps_; }
  double work_in_steps() const override {
    return static_cast<double>(num_steps_);
  }
  double share_before() const override {
    return is_scored_ ? 1 : flops_before_steps_ / cost_.before.flops;
  }

  absl::Status Step() override {
    SHOAL_CHECK(!done());
    if (!is_scored_) {
      PassBeforeSteps();
      return absl::OkStatus();
    }
    ++num_steps_;
    Pass(cost_.step.flops);
    options_.clock->Advance(options_.pace.per_step);
    return absl::OkStatus();
  }

  bool ready() override {
    if (computation_ == nullptr || num_steps_ == 0) return true;
    computation_->num_steps = num_steps_;
    computation_->is_all = num_steps_ == cost_.num_steps;
    TrainingJob job;
    job.needed = options_.clock->Now();
    job.device = options_.device;
    job.flops =
        cost_.before.flops + static_cast<double>(num_steps_) * cost_.step.flops;
    job.num_bytes = num_values_ * static_cast<int64_t>(sizeof(float));
    job.is_wanted = options_.is_wanted;
    job.compute = [computation =
                       std::shared_ptr<Computation>(std::move(computation_))] {
      return computation->Compute();
    };
    job_ = std::move(job);
    // What the log knows is not computed.
    if (options_.log == nullptr || !options_.log->is_replaying()) Compute();
    owner_.waiting_ = true;
    return false;
  }

  absl::StatusOr<LocalUpdate> Finish() override {
    owner_.waiting_ = false;
    if (num_steps_ == 0) {
      return absl::AbortedError("training was stopped before its first step");
    }
    if (options_.is_wanted && !options_.is_wanted()) {
      handle_ = {};
      return Nothing();
    }
    const auto result = [this] {
      if (!handle_) Compute();
      return handle_.Await();
    };
    if (options_.log == nullptr) return result();
    auto update = options_.log->Training(options_.device, result);
    owner_.in_log_ = options_.log->last_training();
    return update;
  }

 private:
  void Compute() { handle_ = options_.pool->Add(std::move(job_)); }

  static int64_t MostSteps(const DeferredTrainingOptions& options,
                           const TrainingOrder& order) {
    const int64_t all = order.cost.num_steps;
    if (!options.epochs_of) return all;
    const int epochs = order.training.epochs;
    return std::max<int64_t>(1, all * options.epochs_of(epochs) / epochs);
  }

  // In pieces of a mini-batch, as on a device: its limits are asked in between.
  void PassBeforeSteps() {
    const double left = cost_.before.flops - flops_before_steps_;
    is_scored_ = left <= cost_.step.flops;
    const double piece = is_scored_ ? left : cost_.step.flops;
    flops_before_steps_ += piece;
    Pass(piece);
  }

  void Pass(double flops) {
    owner_.flops_ += flops;
    options_.clock->Advance(
        absl::Seconds(flops / options_.pace.flops_per_second));
  }

  // In place of an update that nobody will look at.
  LocalUpdate Nothing() const {
    LocalUpdate update;
    update.delta.resize(num_values_);
    update.num_examples = num_examples_;
    update.num_steps = num_steps_;
    update.complete = num_steps_ == cost_.num_steps;
    return update;
  }

  DeferredTraining& owner_;
  const DeferredTrainingOptions& options_;
  const client::PlanCost cost_;
  const int64_t most_steps_;
  const int64_t num_examples_;
  const int64_t num_values_;
  std::unique_ptr<Computation> computation_;  // null: with the job
  TrainingJob job_;                           // empty: with the pool
  TrainingPool::Handle handle_;
  bool is_scored_ = false;
  double flops_before_steps_ = 0;
  int64_t num_steps_ = 0;
};

absl::StatusOr<std::unique_ptr<client::TrainingRun>> DeferredTraining::Begin(
    const TrainingOrder& order) {
  began_ = options_.clock->Now();
  flops_before_ = flops_;
  in_log_ = 0;
  base_version_ = order.run.round;
  return std::make_unique<DeferredRun>(*this, options_, order);
}

Digest DeferredTraining::DigestOf(absl::string_view) const {
  std::string name;
  AppendU64(name, options_.device);
  AppendU64(name, base_version_);
  AppendU64(name, absl::ToUnixNanos(began_));
  return Sha256(name);
}

}  // namespace shoal::simulations
