// How much arithmetic a planned training step is: what energy and time are
// calculated from before it is done.
#ifndef SHOAL_LEARNING_TRAINING_FLOPS_H_
#define SHOAL_LEARNING_TRAINING_FLOPS_H_

#include "learning/memory_plan.h"
#include "learning/model.h"

namespace shoal::learning {

// Floating-point operations of the layers' products for one example of a
// training step: forward, what the plan computes again, and the gradients that
// it wants. Elementwise work is left out: it is little beside them.
// REQUIRES: a plan of this model.
double FlopsPerExample(const Model& model, const MemoryPlan& plan);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_TRAINING_FLOPS_H_
