// One device's work in one round, a mini-batch at a time: first the base model
// is scored on the device's examples, then, for algorithms that want it, its
// gradient is taken over all of them, then it is trained on them. Between two
// steps a device may rest for as long as it likes: nothing of the optimiser's
// state is lost.
//
//   auto training = LocalTraining::Create(model, base, data, options,
//                                         FedAvgLocal{}, run);
//   while (!(*training)->done()) … = (*training)->Step();
//   absl::StatusOr<LocalUpdate> update = (*training)->Finish();
#ifndef SHOAL_LEARNING_LOCAL_TRAINING_H_
#define SHOAL_LEARNING_LOCAL_TRAINING_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/random.h"
#include "learning/block.h"
#include "learning/dataset.h"
#include "learning/local_method.h"
#include "learning/local_update.h"
#include "learning/memory_plan.h"
#include "learning/model.h"
#include "learning/parameters.h"
#include "learning/predictor.h"
#include "learning/trainer.h"

namespace shoal::learning {

// Examples of the last of the parts in which `num_examples` >= 1 are taken, at
// most `rows` >= 1 at once.
inline int64_t LastPart(int64_t num_examples, int64_t rows) {
  return num_examples - (num_examples - 1) / rows * rows;
}

// One thread. Create takes all memory that the steps need: they allocate
// nothing.
class LocalTraining {
 public:
  // `model` and `data` must outlive the training. Errors of the arguments as
  // ComputeLocalUpdate has them.
  static absl::StatusOr<std::unique_ptr<LocalTraining>> Create(
      const Model& model, absl::Span<const float> base, const Dataset& data,
      const TrainingOptions& training, const LocalAlgorithm& algorithm,
      const LocalRun& run);

  // Evaluates at most one mini-batch, or trains one, or adds one to the
  // gradient of all; where it is taken in parts, one part. ABORTED when the
  // loss is not finite; INVALID_ARGUMENT when an example holds what is no
  // token, or a value that is missing or infinite and not provided for. No step
  // may follow an error. REQUIRES: !done().
  absl::Status Step();

  // Whether every mini-batch of every epoch has been trained.
  bool done() const { return update_.num_steps == steps_in_all_; }
  // How much of what comes before the first step is done, [0, 1], by its
  // arithmetic.
  double share_before() const;
  // Steps of the optimiser so far, and of a whole training.
  int64_t num_steps() const { return update_.num_steps; }
  int64_t steps_in_all() const { return steps_in_all_; }
  // The same with the part that is done of the step at work.
  double work_in_steps() const;

  // What the steps so far amount to. ABORTED when it is not finite, or when
  // there was no step of the optimiser. The training is over: no other call may
  // follow.
  absl::StatusOr<LocalUpdate> Finish();

 private:
  LocalTraining(const Model& model, absl::Span<const float> base,
                const Dataset& data, const TrainingOptions& training,
                const LocalAlgorithm& algorithm, const LocalRun& run,
                int64_t block_bytes);

  absl::Status Evaluate();
  void BeginTraining();
  bool WantsGradient() const;
  absl::Status AddToGradient();
  void TakeGradient();
  absl::Status Train();
  void BeginBatch();
  // Adds examples [begin, end) of order_, or as many as fit, to the step.
  absl::StatusOr<int64_t> AddExamples(int64_t begin, int64_t end);
  double RateNow() const;
  StepOptions OptionsNow() const;

  const Model& model_;
  const Dataset& data_;
  const TrainingOptions training_;
  const AlgorithmTraits traits_;
  const uint64_t seed_;
  const int64_t round_;
  SeededRng rng_;
  ParameterVector start_;  // [num_values]; becomes the update
  std::unique_ptr<LocalMethod> method_;
  std::vector<int64_t> order_;
  // Predictor and trainer share the block: one after the other uses it.
  Block block_;
  std::unique_ptr<Predictor> predictor_;
  std::unique_ptr<Trainer> trainer_;
  int64_t evaluated_ = 0;    // examples
  int64_t graded_ = 0;       // examples, in the gradient of all
  int64_t next_ = 0;         // in order_, of the epoch at work
  int64_t batch_begin_ = 0;  // in order_
  int64_t batch_end_ = 0;    // in order_; next_: no mini-batch is begun
  double rate_ = 0;          // learning rate of the step
  Score batch_score_;        // of its parts so far
  int64_t steps_in_all_ = 0;
  LocalUpdate update_;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LOCAL_TRAINING_H_
