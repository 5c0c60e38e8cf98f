// From a declared model to its list of layers.
#ifndef SHOAL_LEARNING_EXPAND_MODEL_H_
#define SHOAL_LEARNING_EXPAND_MODEL_H_

#include "learning/model_spec.h"

namespace shoal::learning {

// The layers that a shorthand stands for; a list is returned as it is, and a
// product's own model has none that are known. Both ends of the wire expand for
// themselves: what a shorthand means never changes.
LayerListSpec ExpandModel(const ModelSpec& spec);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_EXPAND_MODEL_H_
