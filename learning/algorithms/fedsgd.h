// FedSGD: McMahan et al., "Communication-Efficient Learning of Deep Networks
// from Decentralized Data", AISTATS 2017, section 2: one gradient of all of the
// device's examples at the round's model. The update is minus the learning rate
// times that gradient: with a rate of 1 on the devices the learning rate of the
// server optimiser is that of the paper. The gradient adds up over mini-batches
// and is sent as it is, not as the difference that a step would make.
#ifndef SHOAL_LEARNING_ALGORITHMS_FEDSGD_H_
#define SHOAL_LEARNING_ALGORITHMS_FEDSGD_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learning/local_method.h"

namespace shoal::learning {

// INVALID_ARGUMENT when an option is out of range or does not go with the
// training.
absl::Status CheckMethod(const FedSgdLocal& local,
                         const TrainingOptions& training);

absl::StatusOr<std::unique_ptr<LocalMethod>> MakeMethod(
    const FedSgdLocal& local, const MethodInputs& inputs);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_ALGORITHMS_FEDSGD_H_
