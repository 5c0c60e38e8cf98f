// Small weights set to zero, after training.
#ifndef SHOAL_LEARNING_PRUNING_H_
#define SHOAL_LEARNING_PRUNING_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learning/parameters.h"

namespace shoal::learning {

struct TensorSparsity {
  std::string name;
  int64_t num_values = 0;
  int64_t num_pruned = 0;
  double pruned_fraction() const {
    return static_cast<double>(num_pruned) / static_cast<double>(num_values);
  }
};

struct PrunedModel {
  ParameterVector parameters = {};
  std::vector<bool> kept = {};               // [num_parameters]
  std::vector<TensorSparsity> weights = {};  // the tensors that were pruned
};

// Zeroes pruned_fraction * weights of the weights, rounded: the smallest of all
// tensors together (Han et al. 2015, one step, with one threshold for all
// layers); of equal ones those that come first. Weights are tensors with two
// dimensions or more; biases, scales and statistics stay. INVALID_ARGUMENT when
// pruned_fraction is not in [0, 1), `parameters` does not fit the layout, or a
// value is not finite.
absl::StatusOr<PrunedModel> PruneByMagnitude(const ParameterLayout& layout,
                                             absl::Span<const float> parameters,
                                             double pruned_fraction);

// Bytes of a tensor stored as it takes fewer: dense, or as a bitmap of the
// values that are not zero and those values.
int64_t SparseBytes(int64_t num_values, int64_t num_zeros, int value_bytes);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_PRUNING_H_
