// One filter per channel, with ReLU built in: the cheap half of a separable
// convolution (Howard et al. 2017, "MobileNets", §3.1).
#ifndef SHOAL_LEARNING_LAYERS_DEPTHWISE_CONV_H_
#define SHOAL_LEARNING_LAYERS_DEPTHWISE_CONV_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/layers/layer.h"
#include "learning/model_spec.h"
#include "learning/shape.h"

namespace shoal::learning {

// y[n, i, j, c] = bias[c] + the sum over (u, v) of
//   x[n, i * stride + u - top, j * stride + v - left, c] * weight[u, v, c]
// on images [height, width, channels] or, with height 1 throughout, sequences
// [length, channels]. Tensors: "weight" [kernel, kernel, channels] or
// [1, kernel, channels] (Glorot-uniform; every channel has kernel^2 inputs and
// outputs) and, with `bias`, "bias" [channels] (zero). INVALID_ARGUMENT when a
// size is out of range, the kernel does not fit, or the activation is neither
// none nor ReLU.
absl::StatusOr<std::unique_ptr<Layer>> MakeDepthwiseConv(
    const DepthwiseConvSpec& spec, const Shape& input);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_DEPTHWISE_CONV_H_
