// Bring your own trainer: a product that has an engine of its own takes part
// with it. The federation sees flat vectors of float32: values in, changes out.
//
// Tasks for it name a model of their own kind,
//   model: {external: {parameters: 5000}}
// or any that the engine can compute by its tensors. The rest is as always: one
// session at a time, budgets checked before every step, updates that survive a
// power cut.
#ifndef SHOAL_TRAINER_H_
#define SHOAL_TRAINER_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/types/span.h"

namespace shoal {

// A part of the flat vector, row-major, behind the one before it.
struct ModelTensor {
  std::string name;           // of an external model: "values"
  std::vector<int64_t> dims;  // each >= 1
  // Whether the task trains it. What you change of the others is dropped.
  bool trained = true;
};

// What the trainer is asked for. A setting that means nothing to the engine may
// be passed over.
struct TrainingTask {
  std::string task;
  int64_t round_number = 0;
  std::vector<ModelTensor> tensors;
  int64_t num_parameters = 0;
  int epochs = 1;            // passes over the examples; perhaps fewer than the
                             // task's, where budgets ask for less
  int batch_size = 32;       // examples of a step
  double learning_rate = 0;  // > 0: of this round
  double proximal_mu = 0;    // FedProx: adds mu (w - base) to the gradient
  double momentum = 0;       // of SGD; FedNova relies on it
  bool nesterov = false;     // its form
  uint64_t seed = 0;         // orders the examples; the same when repeated
};

// What a training takes; budgets and memory are planned by it.
struct TrainingCost {
  // >= 1; with FedNova no more than the epochs have mini-batches of a quarter
  // of batch_size.
  int64_t num_steps = 0;
  double flops_per_step = 0;  // >= 0
  // Of the engine, besides the SDK's three vectors of the parameters.
  int64_t memory_bytes = 0;  // >= 0, at most 2^50
};

struct TrainingMetrics {
  // What the update counts by: examples trained on, >= 1.
  int64_t num_examples = 0;
  // Of the base model on them, before training: the sum of losses and, with
  // classes, how often it was right.
  double base_loss_sum = 0;  // finite, >= 0
  std::optional<int64_t> base_num_correct;
};

// Called from the thread that runs the session; in the order Plan, Begin,
// Step…, Finish or Cancel. Must not call the client, other than Predict,
// AddExample and NewestModel.
class Trainer {
 public:
  virtual ~Trainer() = default;

  // Examples there are now; without any the device does not take part.
  virtual int64_t num_examples() const = 0;

  // Before anything is downloaded, and for several numbers of epochs. An error
  // (INVALID_ARGUMENT, say) means that the engine cannot do this task: the
  // device gives it up with that reason.
  virtual absl::StatusOr<TrainingCost> Plan(const TrainingTask& task) = 0;

  // `base`: [num_parameters], valid until Finish or Cancel.
  virtual absl::Status Begin(const TrainingTask& task,
                             absl::Span<const float> base) = 0;

  // Does one step: as long as a step is, so long a stop or an empty budget
  // waits. Called at most num_steps times. After an error comes Cancel; ABORTED
  // means that the training failed (a task with differential privacy counts
  // zeros in place of the update), anything else that the examples are no good.
  virtual absl::Status Step() = 0;

  // Ends the training, perhaps after fewer steps than planned, but at least
  // one. Writes trained minus base, [num_parameters].
  virtual absl::StatusOr<TrainingMetrics> Finish(absl::Span<float> delta) = 0;

  // Ends it for nothing.
  virtual void Cancel() = 0;
};

// A version of a model as it was fetched.
struct ModelValues {
  std::string task;
  int64_t version = 0;  // committed rounds before it
  std::vector<ModelTensor> tensors;
  std::vector<float> values;  // [sum of the tensors' sizes]
};

}  // namespace shoal

#endif  // SHOAL_TRAINER_H_
