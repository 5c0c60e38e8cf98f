// The values of private layers, between rounds.
#ifndef SHOAL_CLIENT_PRIVATE_VALUES_H_
#define SHOAL_CLIENT_PRIVATE_VALUES_H_

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "client/client_state.h"
#include "learning/model.h"
#include "learning/parameters.h"

namespace shoal::client {

// What the last training of the task left, or the initial values before the
// first one and when the model's private layers have changed since. Empty for
// a model without private layers.
absl::StatusOr<learning::ParameterVector> LoadPrivateValues(
    ClientState& state, absl::string_view task, const learning::Model& model);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_PRIVATE_VALUES_H_
