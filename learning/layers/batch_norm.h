// Batch normalisation (Ioffe and Szegedy 2015) with local statistics (FedBN: Li
// et al. 2021).
#ifndef SHOAL_LEARNING_LAYERS_BATCH_NORM_H_
#define SHOAL_LEARNING_LAYERS_BATCH_NORM_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/layers/layer.h"
#include "learning/model_spec.h"
#include "learning/shape.h"

namespace shoal::learning {

// Input [..., channels]. Tensors, [channels] each: "scale" (ones) and "shift"
// (zeros), "mean" (zeros) and "variance" (ones), of which training steps the
// first two only.
//
// Training normalises a channel with its mean and biased variance over all
// positions of the examples in memory (of a micro-batch, where there are), and
// with `statistics` moves the running ones by `momentum` towards the batch's:
// its mean and its unbiased variance (algorithm 2, line 10; a batch of one
// value has none and moves the mean only). Prediction uses the running ones.
//
// A frozen layer uses the running ones in training, too, and nothing moves
// them; it has no trainable tensor. INVALID_ARGUMENT when epsilon or momentum
// is out of range or the input is too large.
absl::StatusOr<std::unique_ptr<Layer>> MakeBatchNorm(const BatchNormSpec& spec,
                                                     const Shape& input,
                                                     bool frozen);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_BATCH_NORM_H_
