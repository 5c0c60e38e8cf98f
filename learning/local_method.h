// What an algorithm changes about local SGD on a device. LocalTraining
// (learning/local_training.h) does the rest.
#ifndef SHOAL_LEARNING_LOCAL_METHOD_H_
#define SHOAL_LEARNING_LOCAL_METHOD_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/types/span.h"
#include "learning/local_update.h"
#include "learning/trainer.h"

namespace shoal::learning {

// One thread, one training. Steps allocate nothing.
class LocalMethod {
 public:
  virtual ~LocalMethod() = default;

  // Where the gradient of all examples at the round's model goes,
  // [num_parameters]; asked once, where the traits want it. `start`: where
  // training has started, needed no more where nothing is trained.
  virtual absl::Span<float> PlaceOfGradient(absl::Span<float> start) {
    return start;
  }

  // Adds the method's part to the options of a step.
  virtual void BeforeStep(StepOptions&) const {}

  // A step with `rate` has been done. Without training this is once, after the
  // gradient.
  virtual void AfterStep(double /*rate*/) {}

  // Makes the update of what has been learned: update.delta, [num_parameters],
  // is trained minus start, or the gradient where nothing is trained.
  virtual void Finish(LocalUpdate&) {}
};

// What a method is made from; all of it outlives the method.
struct MethodInputs {
  const TrainingOptions& training;
  absl::Span<const float> start;  // [num_values]
  const LocalRun& run;
};

// INVALID_ARGUMENT when the run lacks what the algorithm needs. REQUIRES: what
// CheckAlgorithm checks.
absl::StatusOr<std::unique_ptr<LocalMethod>> MakeLocalMethod(
    const LocalAlgorithm& algorithm, const MethodInputs& inputs);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LOCAL_METHOD_H_
