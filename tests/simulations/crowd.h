// A population for tests of virtual time, and a task for it.
#ifndef SHOAL_TESTS_SIMULATIONS_CROWD_H_
#define SHOAL_TESTS_SIMULATIONS_CROWD_H_

#include <memory>
#include <set>
#include <utility>
#include <vector>

#include "base/random.h"
#include "learning/dataset.h"
#include "simulations/federation.h"

namespace shoal::simulations {

inline constexpr int kFeatures = 4;

// Any number of devices with a few examples each, made when they are asked for.
class Crowd final : public Population {
 public:
  explicit Crowd(int64_t num_devices) : num_devices_(num_devices) {
    shape_.num_features = kFeatures;
    shape_.num_classes = 2;
  }

  int64_t num_devices() const override { return num_devices_; }
  const learning::DataShape& shape() const override { return shape_; }
  int64_t num_examples(int64_t device) const override { return 5 + device % 7; }
  absl::StatusOr<std::shared_ptr<const learning::Dataset>> Load(
      int64_t device, const learning::Moment&) const override {
    SeededRng rng(DeriveSeed(1, "crowd", {static_cast<uint64_t>(device)}));
    std::vector<float> features;
    std::vector<int32_t> labels;
    for (int64_t i = 0; i < num_examples(device); ++i) {
      labels.push_back(static_cast<int32_t>(rng.Below(2)));
      for (int f = 0; f < kFeatures; ++f) {
        features.push_back(static_cast<float>(
            rng.Normal() + (f == 0 ? 2 * labels.back() : 0)));
      }
    }
    return std::make_shared<const learning::InMemoryDataset>(
        std::move(features), std::move(labels), kFeatures, 2);
  }
  DeviceTraits TraitsOf(int64_t device) const override {
    DeviceTraits traits = traits_;
    // From one to two seconds for a training of a thousand operations.
    if (is_slow_) {
      traits.compute.flops_per_second =
          1000.0 / (1 + static_cast<double>(device % 10) / 10);
    }
    return traits;
  }
  absl::Time AvailableUntil(int64_t device, absl::Time now) const override {
    return away_.contains(device) ? now : absl::InfiniteFuture();
  }
  absl::Time NextAvailable(int64_t device, absl::Time now) const override {
    return away_.contains(device) ? absl::InfiniteFuture() : now;
  }

  DeviceTraits traits_;
  bool is_slow_ = false;
  std::set<int64_t> away_;

 private:
  const int64_t num_devices_;
  learning::DataShape shape_;
};

inline FederationOptions OptionsFor(const Population& population, int cohort,
                                    int64_t rounds) {
  FederationOptions options;
  options.task.name = "crowd";
  options.task.population = "test";
  options.task.model.architecture = learning::LogisticSpec{kFeatures, 2};
  options.task.training = {.epochs = 1, .batch_size = 4, .learning_rate = 0.2};
  options.task.round = {.cohort = cohort,
                        .over_selection = 1,
                        .min_reports = cohort,
                        .deadline = absl::Hours(1)};
  options.task.rounds = rounds;
  options.population = &population;
  return options;
}

}  // namespace shoal::simulations

#endif  // SHOAL_TESTS_SIMULATIONS_CROWD_H_
