// Convolution of images and sequences, with ReLU built in.
//
// Patches are never copied: the windows of a (zero-padded) image are read where
// they lie, as the rows of a matrix whose rows overlap ("implicit GEMM":
// Chetlur et al. 2014, "cuDNN: Efficient Primitives for Deep Learning", §3,
// without its tiles in shared memory).
#ifndef SHOAL_LEARNING_LAYERS_CONV_H_
#define SHOAL_LEARNING_LAYERS_CONV_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/layers/layer.h"
#include "learning/model_spec.h"
#include "learning/shape.h"

namespace shoal::learning {

// y[n, i, j, f] = bias[f] + the sum over (u, v, c) of
//   x[n, i * stride + u - top, j * stride + v - left, c] * weight[u, v, c, f]
// with zeros outside of the image (padding: windows.h). [height, width,
// channels] to [out height, out width, filters]. Tensors: "weight"
// [kernel, kernel, channels, filters] (Glorot-uniform over kernel^2 * channels
// and kernel^2 * filters) and, with `bias`, "bias" [filters] (zero).
// INVALID_ARGUMENT when a size is out of range, the kernel does not fit, the
// layer would be too large, or the activation is neither none nor ReLU.
absl::StatusOr<std::unique_ptr<Layer>> MakeConv2d(const Conv2dSpec& spec,
                                                  const Shape& input);

// The same on [length, channels], with "weight" [1, kernel, channels, filters].
absl::StatusOr<std::unique_ptr<Layer>> MakeConv1d(const Conv1dSpec& spec,
                                                  const Shape& input);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_CONV_H_
