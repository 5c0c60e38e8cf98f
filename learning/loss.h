// Losses: from a network's outputs to a score, and to the gradient that the
// way back starts from.
#ifndef SHOAL_LEARNING_LOSS_H_
#define SHOAL_LEARNING_LOSS_H_

#include <cstdint>

#include "learning/batch.h"
#include "learning/kernels/kernels.h"
#include "learning/model.h"

namespace shoal::learning {

// Hinton, Vinyals and Dean 2015, section 2: with z the outputs,
//   loss = (1 - weight) * loss on the target
//        + weight * T^2 * KL(teacher || softmax(z / T))
// for softmax cross-entropy. The teacher's probabilities are those at the same
// temperature T.
struct Distillation {
  float weight = 0;       // [0, 1]; 0: none
  float temperature = 1;  // > 0
};

// A batch's outputs and what they are compared with.
struct LossPass {
  const Kernels* kernels = nullptr;
  const Model* model = nullptr;
  int64_t rows = 0;
  Batch batch;                   // labels, targets, teacher
  const float* input = nullptr;  // of Target::kInput
  const float* outputs = nullptr;
};

// Writes d (mean loss) / d outputs to `gradient` [rows, output], which may be
// the outputs themselves; the mean is over `batch_rows` examples, of which this
// is a part. `scratch` [rows, output] is used with a teacher.
Score LossAndGradient(const LossPass& pass, const Distillation& distillation,
                      int64_t batch_rows, float* scratch, float* gradient);

// The score alone; overwrites `outputs` (which pass.outputs points to) with
// what Predict gives.
Score ScoreOutputs(const LossPass& pass, float* outputs);

// Outputs become predictions in place: class probabilities for softmax
// cross-entropy, a probability each for binary cross-entropy, else unchanged.
void OutputsToPredictions(const Kernels& kernels, const Model& model,
                          int64_t rows, float* outputs);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LOSS_H_
