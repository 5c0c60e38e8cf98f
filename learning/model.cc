#include "learning/model.h"

#include <algorithm>
#include <variant>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"

namespace shoal::learning {

absl::Status Model::CheckComputable() const {
  if (!is_external()) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "model ", spec_.ToString(),
      " is a product's own: nothing but that product's trainer can compute "
      "with it"));
}

int64_t Model::labels_per_example() const {
  return target_ == Target::kLabels ? output_.positions() : 0;
}

int64_t Model::targets_per_example() const {
  return target_ == Target::kValues ? output_.num_values() : 0;
}

int64_t Model::predictions_per_example() const {
  return std::max<int64_t>(labels_per_example(), 1);
}

int Model::num_trainable_layers() const {
  return static_cast<int>(
      std::count_if(nodes_.begin(), nodes_.end(),
                    [](const Node& node) { return node.trainable(); }));
}

int64_t Model::forward_macs() const {
  int64_t macs = 0;
  for (const Node& node : nodes_) {
    if (node.layer != nullptr) macs += node.layer->forward_macs();
  }
  return macs;
}

ParameterVector Model::Initialise(SeededRng& rng) const {
  ParameterVector parameters(layout_.num_parameters(), 0.0f);
  const bool zero = std::holds_alternative<LogisticSpec>(spec_.architecture) ||
                    std::holds_alternative<LinearSpec>(spec_.architecture);
  for (const Node& node : nodes_) {
    if (node.layer == nullptr || node.is_private) continue;
    // The statistics of the preprocessing are set even where weights are zero.
    if (zero && node.trainable()) continue;
    node.layer->Initialise(
        rng, absl::MakeSpan(parameters)
                 .subspan(node.parameter_offset, node.layer->num_parameters()));
  }
  return parameters;
}

ParameterVector Model::InitialPrivateValues() const {
  ParameterVector values(private_layout_.num_parameters(), 0.0f);
  SeededRng rng(0);
  for (const Node& node : nodes_) {
    if (node.layer == nullptr || !node.is_private) continue;
    node.layer->Initialise(rng,
                           absl::MakeSpan(values).subspan(
                               node.parameter_offset - layout_.num_parameters(),
                               node.layer->num_parameters()));
  }
  return values;
}

ParameterVector Model::DeviceVector(absl::Span<const float> shared) const {
  ParameterVector vector(shared.begin(), shared.end());
  const ParameterVector own = InitialPrivateValues();
  vector.insert(vector.end(), own.begin(), own.end());
  return vector;
}

}  // namespace shoal::learning
