#include "learning/layers/group_norm.h"

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/layers/normalisation.h"
#include "learning/layers/spec_checks.h"

namespace shoal::learning {

absl::StatusOr<std::unique_ptr<Layer>> MakeGroupNorm(const GroupNormSpec& spec,
                                                     const Shape& input) {
  SHOAL_RETURN_IF_ERROR(CheckInput(InputKind::kAny, input));
  SHOAL_RETURN_IF_ERROR(CheckEpsilon(spec.epsilon));
  if (spec.groups < 1 || input.channels() % spec.groups != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("groups is ", spec.groups, ", expected a divisor of the ",
                     input.channels(), " channels"));
  }
  return MakeBlockNormalisation(input,
                                {.positions = input.positions(),
                                 .channels = input.channels(),
                                 .groups = spec.groups},
                                spec.epsilon);
}

}  // namespace shoal::learning
