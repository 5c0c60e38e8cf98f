// Trains a model inside one block of memory.
#ifndef SHOAL_LEARNING_TRAINER_H_
#define SHOAL_LEARNING_TRAINER_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learning/batch.h"
#include "learning/kernels/kernels.h"
#include "learning/local_optimizer.h"
#include "learning/loss.h"
#include "learning/memory_plan.h"
#include "learning/model.h"

namespace shoal::learning {

// One step of the optimiser.
struct StepOptions {
  float learning_rate = 0;
  float proximal_mu = 0;  // pulls towards `anchor`
  // [num_values] when proximal_mu != 0.
  absl::Span<const float> anchor = {};
  // Added to the gradient of the batch: [num_values], or nothing. Needs a plan
  // with a gradient buffer.
  absl::Span<const float> correction = {};
  Distillation distillation = {};
  uint64_t seed = 0;  // of dropout
};

// One thread. After Create nothing allocates.
class Trainer {
 public:
  // `block` has at least plan.bytes() bytes, aligned to kBlockAlignment, and
  // must outlive the trainer, as must `model`. INVALID_ARGUMENT when the block
  // is too small or not aligned, or the plan is not one for training.
  // FAILED_PRECONDITION when the optimiser needs other memory than the plan
  // has.
  static absl::StatusOr<std::unique_ptr<Trainer>> Create(
      const Model& model, const LocalOptimizer& optimizer, MemoryPlan plan,
      absl::Span<std::byte> block, const Kernels& kernels = BestKernels());

  // [num_values]: the device's vector, in the block. Whatever it holds is
  // trained; the caller fills it before the first step.
  absl::Span<float> parameters() { return parameters_; }
  // Buffers in the block that a caller may fill and use as a batch:
  // [plan.rows(), …].
  absl::Span<float> features();
  absl::Span<int32_t> labels();
  absl::Span<float> targets();
  const MemoryPlan& plan() const { return plan_; }

  // Forgets momentum and moments.
  void ResetOptimizer();

  // One step along the mean gradient of a batch of at most plan.rows()
  // examples; returns the score before it. REQUIRES: spans as `Batch` says,
  // labels in range.
  Score Step(const Batch& batch, const StepOptions& options);

  // The same for a batch of `batch_rows` examples given in parts:
  //   StartStep, AddPart once or more, FinishStep.
  // REQUIRES: one part only, unless the plan has a gradient buffer.
  void StartStep(int64_t batch_rows, const StepOptions& options);
  Score AddPart(const Batch& part);
  void FinishStep();

  // Instead of FinishStep: writes the mean gradient of the parts over the batch
  // in the order of the device's vector, [num_values], and zero where nothing
  // is trained. REQUIRES: the plan has a gradient buffer.
  void CopyGradient(absl::Span<float> out) const;

  // For tests: the gradient that the last step used, over the trained values.
  // REQUIRES: the plan has a gradient buffer.
  absl::Span<const float> gradient() const { return gradient_; }

 private:
  Trainer(const Model& model, const LocalOptimizer& optimizer, MemoryPlan plan,
          absl::Span<std::byte> block, const Kernels& kernels);

  Score Run(const PlannedOp& op, const Batch& part);
  Score RunLoss(const PlannedOp& op, const Batch& part);
  void RunBackward(const PlannedOp& op);
  GradientSink SinkFor(int node) const;
  FusedSgd SgdFor(const SgdOptimizer& rule, int node) const;
  FusedAdam AdamFor(const AdamOptimizer& rule, int node) const;
  // Calls `visit(values, size, place)` for every tensor of the gradient;
  // `place` is where it lies in the device's vector.
  template <typename Visitor>
  void VisitGradient(const Visitor& visit) const;
  void CorrectGradient();
  void ClipGradient();
  void StepNode(int node);
  uint64_t SeedOf(int node) const;

  const Model& model_;
  const LocalOptimizer optimizer_;
  const MemoryPlan plan_;
  const Kernels& kernels_;
  const std::vector<float*> buffers_;  // by plan index
  absl::Span<float> parameters_;
  absl::Span<float> gradient_;
  StepOptions step_;
  int64_t batch_rows_ = 0;
  int64_t rows_before_ = 0;          // of the batch, in the parts before
  int64_t rows_ = 0;                 // of the part at work
  const float* features_ = nullptr;  // of the part at work
  int64_t num_steps_ = 0;            // since ResetOptimizer
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_TRAINER_H_
