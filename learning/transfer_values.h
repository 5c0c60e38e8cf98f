// Values of one model as the start of another that has the same layers, or the
// same body under another head.
#ifndef SHOAL_LEARNING_TRANSFER_VALUES_H_
#define SHOAL_LEARNING_TRANSFER_VALUES_H_

#include <string>
#include <vector>

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

// Transfer learning: a body that was trained on one task, under a new head.
struct BodyTransfer {
  ParameterVector values;  // [to.num_values()]
  // Layers of `to` with values that travel, in their order; what is private
  // starts anew on every device and is in neither list.
  std::vector<const Node*> taken_over;
  std::vector<const Node*> fresh;  // as in `initial`
  // What is first not as in `to`; empty: all was taken over.
  std::string difference;
};

// Takes over the values of the layers in which both models are the same,
// counted from the input up to the first difference; behind it the values are
// those of `initial`, a device's vector for `to`. The preprocessing counts as a
// layer. INVALID_ARGUMENT when no layer that can be trained is taken over, with
// the difference. `to` must outlive the result.
// REQUIRES: values.size() == from.num_values(), initial.size() ==
// to.num_values().
absl::StatusOr<BodyTransfer> TransferBody(const Model& from,
                                          absl::Span<const float> values,
                                          const Model& to,
                                          ParameterVector initial);
// The same from a file that names tensors only: layers are the same whose
// tensors have the same names and shapes. What has none, such as activations,
// is not compared.
absl::StatusOr<BodyTransfer> TransferBody(const StoredModel& from,
                                          const Model& to,
                                          ParameterVector initial);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_TRANSFER_VALUES_H_
