// What the factories of layers check before they make one, with the same words
// everywhere. All return INVALID_ARGUMENT; the caller adds the layer's name.
#ifndef SHOAL_LEARNING_LAYERS_SPEC_CHECKS_H_
#define SHOAL_LEARNING_LAYERS_SPEC_CHECKS_H_

#include <cstdint>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "learning/layers/layer.h"
#include "learning/model_spec.h"
#include "learning/shape.h"

namespace shoal::learning {

// "units is 0, expected 1 to 1048576"
absl::Status CheckRange(absl::string_view name, int64_t value, int64_t low,
                        int64_t high);

// What a layer takes.
enum class InputKind {
  kAny,              // one to three dimensions
  kVector,           // [n]
  kSequence,         // [length, channels]
  kImage,            // [height, width, channels]
  kSequenceOrImage,  // either of these
};

// "expects an image [height, width, channels], got 784"
absl::Status CheckInput(InputKind kind, const Shape& input);

// Values of an example and parameters of a layer stay within the bounds of
// model_spec.h, so that no size computed later overflows.
absl::Status CheckSizes(const Shape& output,
                        const std::vector<LayerTensor>& tensors);

// Whether a layer that has ReLU built in shall apply it. Any other function
// needs a layer of its own.
absl::StatusOr<bool> FusedRelu(ActivationKind kind);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_SPEC_CHECKS_H_
