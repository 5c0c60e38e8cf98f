// Where the gradient of a layer's parameters goes: into a buffer, or straight
// into a step of the optimiser, so that it is never stored.
#ifndef SHOAL_LEARNING_LAYERS_GRADIENT_SINK_H_
#define SHOAL_LEARNING_LAYERS_GRADIENT_SINK_H_

#include <cstdint>
#include <variant>

#include "learning/kernels/kernels.h"

namespace shoal::learning {

// For one layer and one mini-batch (or part of one). All pointers inside are
// at the layer's first parameter. Made by the trainer; thread-compatible.
class GradientSink {
 public:
  // Overwrites `gradient` [parameters of the layer], or adds to it.
  static GradientSink Buffer(const Kernels& kernels, float* gradient, bool add);
  // Steps the parameters. `scratch` holds ScratchFloats of the largest product.
  static GradientSink Step(const Kernels& kernels, const FusedSgd& step);
  static GradientSink Step(const Kernels& kernels, const FusedAdam& step,
                           float* scratch);
  // Floats of scratch that Adam wants for a product of [rows, columns].
  static int64_t ScratchFloats(int64_t rows, int64_t columns);

  // Whether the gradient of the same parameters may come in several parts that
  // add up, and zeros may be left out. Otherwise every parameter's gradient is
  // handed over exactly once.
  bool takes_parts() const;

  // The product is the gradient of the parameters [rows, columns] that start
  // at `offset` inside the layer. The layer must not read these parameters
  // afterwards: they may have moved.
  void Product(const MatrixProduct& product, int64_t offset) const;
  // The same for values that the layer computed.
  void Values(const float* gradient, int64_t size, int64_t offset) const;

 private:
  struct ToBuffer {
    float* gradient;
    bool add;
  };
  struct ByAdam {
    FusedAdam step;
    float* scratch;
  };
  using Destination = std::variant<ToBuffer, FusedSgd, ByAdam>;
  GradientSink(const Kernels& kernels, const Destination& destination)
      : kernels_(&kernels), destination_(destination) {}

  const Kernels* kernels_;
  Destination destination_;
};

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_GRADIENT_SINK_H_
