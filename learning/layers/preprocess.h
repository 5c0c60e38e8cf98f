// What happens to features before the first layer.
#ifndef SHOAL_LEARNING_LAYERS_PREPROCESS_H_
#define SHOAL_LEARNING_LAYERS_PREPROCESS_H_

#include <memory>

#include "absl/status/statusor.h"
#include "learning/layers/layer.h"
#include "learning/model_spec.h"
#include "learning/shape.h"

namespace shoal::learning {

// Input [..., channels]; PreprocessingSpec has the steps. Tensors, [channels]
// each and never trained: "mean" (zeros), with `standardise` or `impute`, and
// "deviation" (ones; must not hold 0), with `standardise`. With `mask` the
// output of a vector [n] is [2 n]: the features, then 1 where one was NaN and 0
// elsewhere.
//
// NaN without `impute` stays NaN; with it the feature is the mean, or 0 when
// standardised, exactly. Infinity is a number, which `clip` cuts.
//
// The first layer of a model has nothing to hand a gradient to. REQUIRES in
// Backward: dx is null.
// INVALID_ARGUMENT when there is nothing to do, clip is negative or not finite,
// or `mask` comes without `impute` or on anything but a vector.
absl::StatusOr<std::unique_ptr<Layer>> MakePreprocess(
    const PreprocessingSpec& spec, const Shape& input);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_PREPROCESS_H_
