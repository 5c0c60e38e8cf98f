// From a layer's specification to the layer: the table of all kinds.
#ifndef SHOAL_LEARNING_LAYERS_MAKE_LAYER_H_
#define SHOAL_LEARNING_LAYERS_MAKE_LAYER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "learning/layers/layer.h"
#include "learning/model_spec.h"

namespace shoal::learning {

// "dense", "conv", …: the beginning of the names of unnamed layers.
absl::string_view LayerKindName(const LayerSpec& spec);

// INVALID_ARGUMENT when the specification is out of range or does not fit the
// input. REQUIRES: neither flatten nor residual, which are no computation; no
// fused activation but ReLU.
absl::StatusOr<std::unique_ptr<Layer>> MakeLayer(const LayerSpec& spec,
                                                 const Shape& input);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_LAYERS_MAKE_LAYER_H_
