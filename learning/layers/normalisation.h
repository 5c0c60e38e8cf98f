// What the layers that normalise have in common: mean and variance over groups
// of channels, and the gradient through them.
#ifndef SHOAL_LEARNING_LAYERS_NORMALISATION_H_
#define SHOAL_LEARNING_LAYERS_NORMALISATION_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "learning/kernels/kernels.h"
#include "learning/layers/layer.h"
#include "learning/shape.h"

namespace shoal::learning {

// A block [positions, channels] whose channels form `groups` groups of equal
// size. A group's values at all positions share a mean and a variance.
struct NormalisedBlock {
  int64_t positions = 0;
  int64_t channels = 0;
  int64_t groups = 0;

  int64_t group_channels() const { return channels / groups; }
  int64_t group_values() const { return positions * group_channels(); }
  int64_t num_values() const { return positions * channels; }
};

// The mean and the (biased) variance of each group, written for each of its
// channels: [channels] both. Two passes, so that a large mean does no harm.
void BlockMoments(const Kernels& kernels, const NormalisedBlock& block,
                  const float* x, float* mean, float* variance);

// 1 / sqrt(variance + epsilon), in place. [channels], equal within a group.
void InverseDeviations(const NormalisedBlock& block, double epsilon,
                       float* variance);

// y = (x - mean) * inverse * scale + shift; all but x, y: [channels]. y may
// be x.
void NormaliseBlock(const NormalisedBlock& block, const float* x,
                    const float* mean, const float* inverse, const float* scale,
                    const float* shift, float* y);

// The gradients of scale and shift: with xhat = (x - mean) * inverse,
// d_scale [channels] = sum of dy * xhat, d_shift [channels] = sum of dy.
void ScaleGradients(const NormalisedBlock& block, const float* x,
                    const float* mean, const float* inverse, const float* dy,
                    float* d_scale, float* d_shift);

// With N the values of a group, and sums over the group,
//   dx = inverse * (scale dy - sum(scale dy) / N - xhat sum(scale dy xhat) / N)
// (Ioffe and Szegedy 2015, section 3, simplified). Takes what ScaleGradients
// gave and overwrites it. dx may be dy.
void BlockInputGradient(const NormalisedBlock& block, const float* x,
                        const float* mean, const float* inverse,
                        const float* scale, const float* dy, float* d_scale,
                        float* d_shift, float* dx);

// INVALID_ARGUMENT unless 1e-12 <= epsilon <= 1.
absl::Status CheckEpsilon(double epsilon);

// A layer that treats its input as blocks of `block`, each by itself. Tensors:
// "scale" (ones) and "shift" (zeros), [channels]. Training keeps nothing for
// the way back: two passes over a block in the cache cost less than its
// moments would take of the memory.
std::unique_ptr<Layer> MakeBlockNormalisation(const Shape& input,
                                              const NormalisedBlock& block,
                                              double epsilon);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_NORMALISATION_H_
