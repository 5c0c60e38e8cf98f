// What every layer's test asks of its layer: exactly the memory that it asked
// for, gradients that agree with finite differences, and the same result
// wherever the gradient goes.
//
//   auto layer = *MakeDense({.units = 3}, Shape({5}));
//   CheckLayer(*layer);
#ifndef SHOAL_TESTS_LEARNING_LAYERS_LAYER_CHECK_H_
#define SHOAL_TESTS_LEARNING_LAYERS_LAYER_CHECK_H_

#include <cstdint>
#include <vector>

#include "learning/layers/layer.h"
#include "tests/learning/layers/layer_run.h"

namespace shoal::learning {

struct LayerCheck {
  int64_t rows = 3;
  std::vector<float> x = {};           // empty: random in [-1, 1)
  std::vector<float> parameters = {};  // empty: as initialised, plus noise
  // False: token numbers, which have no derivative.
  bool differentiable_input = true;
  // Whether prediction gives what training gives.
  bool predicts_alike = true;
  // Of derivatives, relative to their size and that of the whole gradient.
  double tolerance = 1e-2;
};

// Runs the layer in all the ways that a trainer may, with every instruction
// set, and compares the gradients with finite differences of
// sum(random weights * y).
void CheckLayer(const Layer& layer, const LayerCheck& check = {});

}  // namespace shoal::learning

#endif  // SHOAL_TESTS_LEARNING_LAYERS_LAYER_CHECK_H_
