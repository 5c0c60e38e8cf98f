#include "learning/layers/layer_norm.h"

#include "base/status_macros.h"
#include "learning/layers/normalisation.h"
#include "learning/layers/spec_checks.h"

namespace shoal::learning {

absl::StatusOr<std::unique_ptr<Layer>> MakeLayerNorm(const LayerNormSpec& spec,
                                                     const Shape& input) {
  SHOAL_RETURN_IF_ERROR(CheckInput(InputKind::kAny, input));
  SHOAL_RETURN_IF_ERROR(CheckEpsilon(spec.epsilon));
  return MakeBlockNormalisation(
      input, {.positions = 1, .channels = input.channels(), .groups = 1},
      spec.epsilon);
}

}  // namespace shoal::learning
