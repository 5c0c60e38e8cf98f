// A gated recurrent unit over a sequence.
#ifndef SHOAL_LEARNING_LAYERS_GRU_H_
#define SHOAL_LEARNING_LAYERS_GRU_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/layers/layer.h"
#include "learning/model_spec.h"
#include "learning/shape.h"

namespace shoal::learning {

// Input [length, channels]; output [length, units], or the last state [units].
// GruSpec has the equations. Tensors, with the gates z, r, n side by side:
// "input_weight" [channels, 3 * units], "recurrent_weight" [units, 3 * units]
// (each gate Glorot-uniform), "input_bias" and "recurrent_bias" [3 * units]
// (zero).
//
// kTrain keeps four values per unit and step for the way back; kTrainLean keeps
// nothing but the states and computes the gates again.
// INVALID_ARGUMENT when the input is no sequence or a size is out of range.
absl::StatusOr<std::unique_ptr<Layer>> MakeGru(const GruSpec& spec,
                                               const Shape& input);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_GRU_H_
