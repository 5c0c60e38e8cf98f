// What the steps of a device add up to, however many they are.
#ifndef SHOAL_LEARNING_STEP_SUM_H_
#define SHOAL_LEARNING_STEP_SUM_H_

#include <algorithm>
#include <cstdint>

#include "learning/device_memory.h"
#include "learning/local_optimizer.h"
#include "learning/local_update.h"

namespace shoal::learning {

// ||a||_1 of Wang et al. 2020 (section 3 and appendix C): how far a gradient of
// one would have moved a parameter by now, in units of the learning rate; the
// number of steps without momentum. A recursion takes the place of the closed
// form, so that Nesterov's momentum and learning rates that change within a
// round are covered. Weight decay counts as part of the gradient.
class StepSum {
 public:
  explicit StepSum(const SgdOptimizer& sgd) : sgd_(sgd) {}

  // A step with `rate` (>= 0) of the plan's learning rate.
  void Step(double rate) {
    velocity_ = sgd_.momentum * velocity_ + 1;
    sum_ += rate * (sgd_.nesterov ? 1 + sgd_.momentum * velocity_ : velocity_);
  }

  double sum() const { return sum_; }

 private:
  SgdOptimizer sgd_;
  double velocity_ = 0;
  double sum_ = 0;
};

// The most steps that a device with so many examples may do for the plan, with
// the smallest mini-batches that it may choose (kMaxBatchHalvings).
inline int64_t MaxSteps(const TrainingOptions& training, int64_t num_examples) {
  const int64_t batch = std::max(training.batch_size >> kMaxBatchHalvings, 1);
  return training.epochs * ((num_examples + batch - 1) / batch);
}

// An upper bound of the sum after `num_steps` steps.
inline double MaxStepSum(const SgdOptimizer& sgd, int64_t num_steps) {
  return static_cast<double>(num_steps) *
         (1 + (sgd.nesterov ? sgd.momentum : 0)) / (1 - sgd.momentum);
}

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_STEP_SUM_H_
