// One device's work in one round, a mini-batch at a time: first the base model
// is scored on the device's examples, then it is trained on them. Between two
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
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/random.h"
#include "learning/block.h"
#include "learning/dataset.h"
#include "learning/local_update.h"
#include "learning/memory_plan.h"
#include "learning/model.h"
#include "learning/parameters.h"
#include "learning/predictor.h"
#include "learning/step_sum.h"
#include "learning/trainer.h"

namespace shoal::learning {

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

  // Evaluates at most one mini-batch, or trains one; where it is taken in
  // parts, one part. ABORTED when the loss is not finite; INVALID_ARGUMENT when
  // an example holds what is no token, or a value that is missing or infinite
  // and not provided for. No step may follow an error. REQUIRES: !done().
  absl::Status Step();

  // Whether every mini-batch of every epoch has been trained.
  bool done() const { return update_.num_steps == steps_in_all_; }
  // Examples that the base model has been scored on so far.
  int64_t num_evaluated() const { return evaluated_; }
  // Steps of the optimiser so far, and of a whole training.
  int64_t num_steps() const { return update_.num_steps; }
  int64_t steps_in_all() const { return steps_in_all_; }

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
  absl::Status Train();
  void BeginBatch();
  double RateNow() const;
  StepOptions OptionsNow() const;

  const Model& model_;
  const Dataset& data_;
  const TrainingOptions training_;
  const double proximal_mu_;
  std::optional<StepSum> step_sum_;  // of FedNova
  const uint64_t seed_;
  const int64_t round_;
  SeededRng rng_;
  ParameterVector start_;  // [num_values]; the proximal term's anchor
  std::vector<int64_t> order_;
  // Predictor and trainer share the block: one after the other uses it.
  Block block_;
  std::unique_ptr<Predictor> predictor_;
  std::unique_ptr<Trainer> trainer_;
  int64_t evaluated_ = 0;  // examples
  int64_t next_ = 0;       // in order_, of the epoch at work
  int64_t batch_end_ = 0;  // in order_; next_: no mini-batch is begun
  double rate_ = 0;        // learning rate of the step
  Score batch_score_;      // of its parts so far
  int64_t steps_in_all_ = 0;
  LocalUpdate update_;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LOCAL_TRAINING_H_
