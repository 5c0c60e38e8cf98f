// FedAvg: McMahan et al., "Communication-Efficient Learning of Deep Networks
// from Decentralized Data", AISTATS 2017, algorithm 1 (ClientUpdate): local SGD
// and nothing else.
#ifndef SHOAL_LEARNING_ALGORITHMS_FEDAVG_H_
#define SHOAL_LEARNING_ALGORITHMS_FEDAVG_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learning/local_method.h"

namespace shoal::learning {

// INVALID_ARGUMENT when an option is out of range or does not go with the
// training.
absl::Status CheckMethod(const FedAvgLocal& local,
                         const TrainingOptions& training);

absl::StatusOr<std::unique_ptr<LocalMethod>> MakeMethod(
    const FedAvgLocal& local, const MethodInputs& inputs);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_ALGORITHMS_FEDAVG_H_
