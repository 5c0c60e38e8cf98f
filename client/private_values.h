// What stays on the device between the rounds of a task: the values of private
// layers, and control variates.
#ifndef SHOAL_CLIENT_PRIVATE_VALUES_H_
#define SHOAL_CLIENT_PRIVATE_VALUES_H_

#include <cstdint>

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

// The device's control variate (learning/algorithms/scaffold.h), or nothing,
// for zero, before the first update was acknowledged, when the model has
// changed since, and when what was held is damaged: it is an estimate that the
// next rounds make anew. `version`: of the round's model; before any round of
// the task was committed there is nothing, whatever an earlier task of the same
// name has left.
absl::StatusOr<learning::ParameterVector> LoadControl(
    ClientState& state, absl::string_view task, const learning::Model& model,
    int64_t version);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_PRIVATE_VALUES_H_
