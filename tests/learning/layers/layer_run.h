// Runs one layer as a trainer would, in memory that is watched.
#ifndef SHOAL_TESTS_LEARNING_LAYERS_LAYER_RUN_H_
#define SHOAL_TESTS_LEARNING_LAYERS_LAYER_RUN_H_

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
  kAdd,       // adds to AddedTo()
  kSgd,       // plain
  kMomentum,  // with momentum, Nesterov, weight decay
  kAdam,
};

// What kAdd finds in the buffer of a layer with `size` parameters.
std::vector<float> AddedTo(int64_t size);
// What a parameter `w` with gradient `g` becomes, by the formulas of kernels.h;
// `w` itself for sinks that step nothing.
double Stepped(SinkKind kind, double w, double g);

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
  int64_t first_row = 0;
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

// The square root of the mean of squares.
double RootMeanSquare(const std::vector<float>& values);

// Fails the running test unless both hold the same up to rounding.
void ExpectNear(const std::vector<float>& actual,
                const std::vector<float>& expected, const char* what);

}  // namespace shoal::learning

#endif  // SHOAL_TESTS_LEARNING_LAYERS_LAYER_RUN_H_
