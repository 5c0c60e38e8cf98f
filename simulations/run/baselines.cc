#include "simulations/run/baselines.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "learning/local_update.h"
#include "simulations/run/evaluator.h"

namespace shoal::simulations {
namespace {

using learning::Dataset;

// The examples of all devices, one device after the other.
class AllExamples final : public Dataset {
 public:
  explicit AllExamples(std::vector<std::shared_ptr<const Dataset>> parts)
      : parts_(std::move(parts)) {
    for (const auto& part : parts_) {
      begins_.push_back(size_);
      size_ += part->num_examples();
    }
  }

  int64_t num_examples() const override { return size_; }
  int num_features() const override { return parts_[0]->num_features(); }
  int num_classes() const override { return parts_[0]->num_classes(); }
  int labels_per_example() const override {
    return parts_[0]->labels_per_example();
  }
  int num_targets() const override { return parts_[0]->num_targets(); }
  int32_t label(int64_t index) const override {
    const auto [part, at] = Find(index);
    return part->label(at);
  }
  void CopyFeatures(int64_t index, absl::Span<float> out) const override {
    const auto [part, at] = Find(index);
    part->CopyFeatures(at, out);
  }
  void CopyLabels(int64_t index, absl::Span<int32_t> out) const override {
    const auto [part, at] = Find(index);
    part->CopyLabels(at, out);
  }
  void CopyTargets(int64_t index, absl::Span<float> out) const override {
    const auto [part, at] = Find(index);
    part->CopyTargets(at, out);
  }

 private:
  std::pair<const Dataset*, int64_t> Find(int64_t index) const {
    const auto next = std::upper_bound(begins_.begin(), begins_.end(), index);
    const auto part = static_cast<size_t>(next - begins_.begin()) - 1;
    return {parts_[part].get(), index - begins_[part]};
  }

  const std::vector<std::shared_ptr<const Dataset>> parts_;
  std::vector<int64_t> begins_;
  int64_t size_ = 0;
};

absl::StatusOr<std::unique_ptr<AllExamples>> Gather(
    const Population& population, int64_t max_bytes) {
  const learning::DataShape& shape = population.shape();
  const int64_t bytes_each =
      static_cast<int64_t>(sizeof(float)) *
      (shape.num_features + shape.labels_per_example + shape.num_targets);
  int64_t bytes = 0;
  std::vector<std::shared_ptr<const Dataset>> parts;
  for (int64_t i = 0; i < population.num_devices(); ++i) {
    bytes += population.num_examples(i) * bytes_each;
    if (bytes > max_bytes) {
      return absl::ResourceExhaustedError(
          absl::StrCat("baselines: central: the examples of all devices take "
                       "more than ",
                       max_bytes, " bytes"));
    }
    if (population.num_examples(i) == 0) continue;
    SHOAL_ASSIGN_OR_RETURN(parts.emplace_back(),
                           population.Load(i, learning::Moment()));
  }
  return std::make_unique<AllExamples>(std::move(parts));
}

}  // namespace

absl::StatusOr<std::vector<CentralPoint>> TrainCentrally(
    const configuration::Task& task, const learning::Model& model,
    absl::Span<const float> initial, const Population& population,
    const Dataset& test, ThreadPool& threads, const CentralOptions& options) {
  SHOAL_ASSIGN_OR_RETURN(const auto all, Gather(population, options.max_bytes));
  const double rounds_per_epoch =
      static_cast<double>(all->num_examples()) /
      (options.examples_per_round * task.training.epochs);
  const auto epochs = std::max<int64_t>(
      1, static_cast<int64_t>(std::lround(static_cast<double>(options.rounds) /
                                          rounds_per_epoch)));
  learning::TrainingOptions training = task.training;
  training.epochs = 1;
  learning::ParameterVector parameters(initial.begin(), initial.end());
  std::vector<CentralPoint> points;
  for (int64_t epoch = 0; epoch < epochs; ++epoch) {
    learning::LocalRun run;
    run.seed =
        DeriveSeed(options.seed, "central", {static_cast<uint64_t>(epoch)});
    bool stopped = false;
    const auto update = learning::ComputeLocalUpdate(
        model, parameters, *all, training, learning::FedAvgLocal{}, run, [&] {
          stopped = options.keep_going && !options.keep_going();
          return !stopped;
        });
    if (stopped) return absl::CancelledError("interrupted");
    SHOAL_RETURN_IF_ERROR(update.status());
    for (size_t i = 0; i < parameters.size(); ++i) {
      parameters[i] += update->delta[i];
    }
    CentralPoint& point = points.emplace_back();
    point.round = static_cast<double>(epoch + 1) * rounds_per_epoch;
    SHOAL_ASSIGN_OR_RETURN(
        point.test, EvaluateInParallel(model, model.DeviceVector(parameters),
                                       test, threads));
    if (options.on_epoch) options.on_epoch(epoch + 1, epochs);
  }
  return points;
}

}  // namespace shoal::simulations
