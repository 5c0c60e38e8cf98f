// FedNova: Wang et al., "Tackling the Objective Inconsistency Problem in
// Heterogeneous Federated Optimization", NeurIPS 2020, equation 9: what a
// device has learned is divided by what its steps add up to, so that devices
// that do more of them do not pull the model towards their own optimum.
#ifndef SHOAL_LEARNING_ALGORITHMS_FEDNOVA_H_
#define SHOAL_LEARNING_ALGORITHMS_FEDNOVA_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learning/local_method.h"

namespace shoal::learning {

// INVALID_ARGUMENT when an option is out of range or does not go with the
// training.
absl::Status CheckMethod(const FedNovaLocal& local,
                         const TrainingOptions& training);

absl::StatusOr<std::unique_ptr<LocalMethod>> MakeMethod(
    const FedNovaLocal& local, const MethodInputs& inputs);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_ALGORITHMS_FEDNOVA_H_
