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

}  // namespace shoal::client
