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

#include "learning/kernels/kernels.h"
#include "learning/layers/layer.h"

namespace shoal::learning {

// Uniform in [-range, range).
std::vector<float> RandomValues(uint64_t seed, int64_t size, double range = 1);

// The tables of all instruction sets that this processor has.
std::vector<const Kernels*> AllKernels();

enum class SinkKind {
  kFrozen,    // no sink
  kBuffer,    // overwrites
  kAdd,       // adds to what is there
  kSgd,       // plain
  kMomentum,  // with momentum, Nesterov, weight decay
  kAdam,
};

// One forward pass and, when `dy` is given, the backward pass.
struct LayerRun {
  const Kernels* kernels = &BestKernels();
  PassKind kind = PassKind::kTrain;
  int64_t rows = 1;
  std::vector<float> x = {};           // [rows, input]
  std::vector<float> parameters = {};  // [parameters]
  std::vector<float> dy = {};          // [rows, output]
  SinkKind sink = SinkKind::kBuffer;
  bool wants_dx = true;
  // y == x and dx == dy, as far as the layer allows either.
  bool in_place = false;
  bool moves_statistics = false;
  uint64_t seed = 17;
};

struct LayerResult {
  std::vector<float> y;
  std::vector<float> dx;          // empty when not wanted
  std::vector<float> gradient;    // with kBuffer and kAdd; NaN: not written
  std::vector<float> parameters;  // afterwards
};

// Fails the running test when the layer writes outside of what it asked for,
// or changes what is not its own. Memory that the layer must not rely on holds
// NaN.
LayerResult RunLayer(const Layer& layer, const LayerRun& run);

// Fails the running test unless both hold the same up to rounding.
void ExpectNear(const std::vector<float>& actual,
                const std::vector<float>& expected, const char* what);

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
