#include "client/private_values.h"

#include <utility>

namespace shoal::client {

absl::StatusOr<learning::ParameterVector> LoadPrivateValues(
    ClientState& state, absl::string_view task, const learning::Model& model) {
  if (model.private_layout().num_parameters() == 0) {
    return learning::ParameterVector();
  }
  absl::StatusOr<learning::StoredModel> values = state.LoadPrivate(task);
  if (absl::IsNotFound(values.status())) return model.InitialPrivateValues();
  if (!values.ok()) return values.status();
  if (values->layout != model.private_layout()) {
    return model.InitialPrivateValues();
  }
  return std::move(values->parameters);
}

absl::StatusOr<learning::ParameterVector> LoadControl(
    ClientState& state, absl::string_view task, const learning::Model& model,
    int64_t version) {
  if (version == 0) return learning::ParameterVector();
  absl::StatusOr<learning::StoredModel> control = state.LoadControl(task);
  if (absl::IsNotFound(control.status()) ||
      absl::IsDataLoss(control.status())) {
    return learning::ParameterVector();
  }
  if (!control.ok()) return control.status();
  if (control->layout != model.layout()) return learning::ParameterVector();
  return std::move(control->parameters);
}

}  // namespace shoal::client
