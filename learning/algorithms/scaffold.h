// SCAFFOLD: Karimireddy et al., "SCAFFOLD: Stochastic Controlled Averaging for
// Federated Learning", ICML 2020, algorithm 1. With the control variates c of
// the coordinator and c_k of the device, a step is
//   y <- y - rate (g_k(y) - c_k + c),
// and afterwards, by option I or II of the paper,
//   c_k <- g_k(x)                       the gradient of all examples,
//   c_k <- c_k - c + (x - y) / rates    what the steps have been on average,
// where x is the round's model and `rates` the sum of the learning rates of the
// steps that were done: K eta_l of the paper, also where the rate changes or
// the device stops early. An update is y - x and behind it the change of c_k.
#ifndef SHOAL_LEARNING_ALGORITHMS_SCAFFOLD_H_
#define SHOAL_LEARNING_ALGORITHMS_SCAFFOLD_H_

#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learning/local_method.h"

namespace shoal::learning {

// INVALID_ARGUMENT when an option is out of range or does not go with the
// training.
absl::Status CheckMethod(const ScaffoldLocal& local,
                         const TrainingOptions& training);

absl::StatusOr<std::unique_ptr<LocalMethod>> MakeMethod(
    const ScaffoldLocal& local, const MethodInputs& inputs);

}  // namespace shoal::learning

#endif  // SHOAL_LEARNING_ALGORITHMS_SCAFFOLD_H_
