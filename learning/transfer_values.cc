#include "learning/transfer_values.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "base/check.h"
#include "learning/prediction_steps.h"

namespace shoal::learning {
namespace {

bool HasValues(const Node& node) {
  return node.layer != nullptr && node.layer->num_parameters() > 0;
}

// Where a node has its values from.
struct Source {
  const Node* node;
  const float* values;  // [node->layer->num_parameters()]
};

// Of the first `count` steps, in which both models are the same.
std::vector<Source> SourcesOf(const std::vector<PredictionStep>& from,
                              absl::Span<const float> values,
                              const std::vector<PredictionStep>& to,
                              size_t count) {
  std::vector<Source> sources;
  for (size_t i = 0; i < count; ++i) {
    const Node* const source = from[i].node;
    const Node* const target = to[i].node;
    if (source == nullptr || target == nullptr || !HasValues(*target)) continue;
    SHOAL_CHECK(source->layer->num_parameters() ==
                target->layer->num_parameters());
    sources.push_back({target, values.data() + source->parameter_offset});
  }
  return sources;
}

// Of the layers up to the first that has a tensor which is not as in `to`.
std::vector<Source> SourcesOf(const StoredModel& from, const Model& to) {
  const std::vector<TensorShape>& theirs = from.layout.tensors();
  const std::vector<TensorShape>& ours = to.layout().tensors();
  std::vector<Source> sources;
  size_t tensor = 0;
  for (const Node& node : to.nodes()) {
    if (!HasValues(node) || node.is_private) continue;
    const size_t first = tensor;
    for (size_t i = 0; i < node.layer->tensors().size(); ++i, ++tensor) {
      if (tensor == theirs.size() || theirs[tensor] != ours[tensor]) {
        return sources;
      }
    }
    sources.push_back({&node, from.parameters.data() +
                                  from.layout.offset(static_cast<int>(first))});
  }
  return sources;
}

void Copy(const std::vector<Source>& sources, ParameterVector& values) {
  for (const Source& source : sources) {
    std::copy_n(source.values, source.node->layer->num_parameters(),
                values.begin() + source.node->parameter_offset);
  }
}

absl::StatusOr<BodyTransfer> Transfer(const Model& to,
                                      const std::vector<Source>& sources,
                                      std::string difference,
                                      ParameterVector initial) {
  SHOAL_CHECK(static_cast<int64_t>(initial.size()) == to.num_values());
  // Means and deviations alone are no body.
  const bool any = std::any_of(
      sources.begin(), sources.end(),
      [](const Source& source) { return source.node->layer->trainable(); });
  if (!any) {
    return absl::InvalidArgumentError(
        absl::StrCat("no layer can be taken over: ", difference));
  }
  BodyTransfer transfer;
  transfer.values = std::move(initial);
  transfer.difference = std::move(difference);
  Copy(sources, transfer.values);
  for (const Node& node : to.nodes()) {
    if (!HasValues(node) || node.is_private) continue;
    const bool taken = std::any_of(
        sources.begin(), sources.end(),
        [&node](const Source& source) { return source.node == &node; });
    (taken ? transfer.taken_over : transfer.fresh).push_back(&node);
  }
  return transfer;
}

}  // namespace

absl::StatusOr<ParameterVector> TransferValues(const Model& from,
                                               absl::Span<const float> values,
                                               const Model& to) {
  SHOAL_CHECK(static_cast<int64_t>(values.size()) == from.num_values());
  const std::vector<PredictionStep> from_steps = PredictionStepsOf(from);
  const std::vector<PredictionStep> to_steps = PredictionStepsOf(to);
  const CommonSteps common = CompareSteps(from_steps, to_steps);
  if (!common.difference.empty()) {
    return absl::InvalidArgumentError(common.difference);
  }
  ParameterVector transferred(to.num_values(), 0.0f);
  Copy(SourcesOf(from_steps, values, to_steps, common.count), transferred);
  return transferred;
}

absl::StatusOr<BodyTransfer> TransferBody(const Model& from,
                                          absl::Span<const float> values,
                                          const Model& to,
                                          ParameterVector initial) {
  SHOAL_CHECK(static_cast<int64_t>(values.size()) == from.num_values());
  const std::vector<PredictionStep> from_steps = PredictionStepsOf(from);
  const std::vector<PredictionStep> to_steps = PredictionStepsOf(to);
  const CommonSteps common = CompareSteps(from_steps, to_steps);
  return Transfer(to, SourcesOf(from_steps, values, to_steps, common.count),
                  common.difference, std::move(initial));
}

absl::StatusOr<BodyTransfer> TransferBody(const StoredModel& from,
                                          const Model& to,
                                          ParameterVector initial) {
  return Transfer(to, SourcesOf(from, to),
                  DifferenceOf(from.layout, to.layout()), std::move(initial));
}

}  // namespace shoal::learning
