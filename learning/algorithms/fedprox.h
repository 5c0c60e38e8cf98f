// FedProx: Li et al., "Federated Optimization in Heterogeneous Networks",
// MLSys 2020, equation 2: mu/2 ||w - w_round||^2 is added to the local loss;
// with partial work, as in its algorithm 2. How exact the work is (gamma) is
// not measured: what a device has done by its deadline or within its budgets
// counts.
#ifndef SHOAL_LEARNING_ALGORITHMS_FEDPROX_H_
#define SHOAL_LEARNING_ALGORITHMS_FEDPROX_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learning/local_method.h"

namespace shoal::learning {

// INVALID_ARGUMENT when an option is out of range or does not go with the
// training.
absl::Status CheckMethod(const FedProxLocal& local,
                         const TrainingOptions& training);

absl::StatusOr<std::unique_ptr<LocalMethod>> MakeMethod(
    const FedProxLocal& local, const MethodInputs& inputs);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_ALGORITHMS_FEDPROX_H_
