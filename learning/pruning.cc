#include "learning/pruning.h"

#include <algorithm>
#include <cmath>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace shoal::learning {
namespace {

absl::Status CheckArguments(const ParameterLayout& layout,
                            absl::Span<const float> parameters,
                            double pruned_fraction) {
  if (!(pruned_fraction >= 0 && pruned_fraction < 1)) {
    return absl::InvalidArgumentError(absl::StrCat(
        "pruned_fraction is ", pruned_fraction, ", expected 0 to below 1"));
  }
  if (static_cast<int64_t>(parameters.size()) != layout.num_parameters()) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are ", parameters.size(), " parameters, expected ",
                     layout.num_parameters()));
  }
  for (size_t i = 0; i < parameters.size(); ++i) {
    if (!std::isfinite(parameters[i])) {
      return absl::InvalidArgumentError(
          absl::StrCat("parameter ", i, " is ", parameters[i],
                       ", expected a finite number"));
    }
  }
  return absl::OkStatus();
}

// Indices of all weights, in order.
std::vector<int64_t> WeightIndices(const ParameterLayout& layout) {
  std::vector<int64_t> indices;
  for (size_t t = 0; t < layout.tensors().size(); ++t) {
    const TensorShape& tensor = layout.tensors()[t];
    if (tensor.dims.size() < 2) continue;
    const int64_t begin = layout.offset(static_cast<int>(t));
    for (int64_t i = 0; i < tensor.num_values(); ++i) {
      indices.push_back(begin + i);
    }
  }
  return indices;
}

std::vector<TensorSparsity> SparsityOf(const ParameterLayout& layout,
                                       const std::vector<bool>& kept) {
  std::vector<TensorSparsity> weights;
  for (size_t t = 0; t < layout.tensors().size(); ++t) {
    const TensorShape& tensor = layout.tensors()[t];
    if (tensor.dims.size() < 2) continue;
    const auto begin = kept.begin() + layout.offset(static_cast<int>(t));
    weights.push_back(
        {.name = tensor.name,
         .num_values = tensor.num_values(),
         .num_pruned = std::count(begin, begin + tensor.num_values(), false)});
  }
  return weights;
}

}  // namespace

absl::StatusOr<PrunedModel> PruneByMagnitude(const ParameterLayout& layout,
                                             absl::Span<const float> parameters,
                                             double pruned_fraction) {
  SHOAL_RETURN_IF_ERROR(CheckArguments(layout, parameters, pruned_fraction));
  std::vector<int64_t> indices = WeightIndices(layout);
  const auto num_pruned = static_cast<int64_t>(
      std::round(pruned_fraction * static_cast<double>(indices.size())));
  const auto end_of_pruned = indices.begin() + num_pruned;
  std::nth_element(indices.begin(), end_of_pruned, indices.end(),
                   [&](int64_t a, int64_t b) {
                     const float of_a = std::abs(parameters[a]);
                     const float of_b = std::abs(parameters[b]);
                     return of_a != of_b ? of_a < of_b : a < b;
                   });
  PrunedModel model = {
      .parameters = ParameterVector(parameters.begin(), parameters.end()),
      .kept = std::vector<bool>(parameters.size(), true)};
  for (auto index = indices.begin(); index != end_of_pruned; ++index) {
    model.parameters[*index] = 0;
    model.kept[*index] = false;
  }
  model.weights = SparsityOf(layout, model.kept);
  return model;
}

int64_t SparseBytes(int64_t num_values, int64_t num_zeros, int value_bytes) {
  const int64_t bitmap = (num_values + 7) / 8;
  return std::min(num_values * value_bytes,
                  bitmap + (num_values - num_zeros) * value_bytes);
}

}  // namespace shoal::learning
