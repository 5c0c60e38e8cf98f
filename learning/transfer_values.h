// Values of one model as the start of another that has the same layers.
#ifndef SHOAL_LEARNING_TRANSFER_VALUES_H_
#define SHOAL_LEARNING_TRANSFER_VALUES_H_

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learning/model.h"
#include "learning/parameters.h"

namespace shoal::learning {

// A device's vector for `to`, [to.num_values()], that predicts what `values`,
// a device's vector for `from`, predict: layer by layer, in their order. What
// has no values and changes no prediction may differ: names, frozen and private
// flags, dropout, the momentum of batch statistics, flattening, an activation
// that stands alone, the loss. INVALID_ARGUMENT names the first layer of `from`
// that is not as in `to`. REQUIRES: values.size() == from.num_values().
absl::StatusOr<ParameterVector> TransferValues(const Model& from,
                                               absl::Span<const float> values,
                                               const Model& to);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_TRANSFER_VALUES_H_
