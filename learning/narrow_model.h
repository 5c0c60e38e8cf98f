// Narrower forms of a declared model: the same layers with fewer units.
#ifndef SHOAL_LEARNING_NARROW_MODEL_H_
#define SHOAL_LEARNING_NARROW_MODEL_H_

#include "learning/model_spec.h"

namespace shoal::learning {

// The layers of `spec` with ceil(width * n) of n units, filters, embedding
// dimensions and max(1, floor(width * n)) of n groups. Inputs, outputs, kernels
// and names stay: what decides the shape of the output keeps its size. The
// result need not be a valid model (a residual block that adds the model's
// input to narrower channels): Model::Create says so. REQUIRES: width in
// (0, 1].
ModelSpec NarrowModel(const ModelSpec& spec, double width);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_NARROW_MODEL_H_
