#include "learning/algorithms/fedavg.h"

namespace shoal::learning {

absl::Status CheckMethod(const FedAvgLocal&, const TrainingOptions&) {
  return absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<LocalMethod>> MakeMethod(const FedAvgLocal&,
                                                        const MethodInputs&) {
  return std::make_unique<LocalMethod>();
}

}  // namespace shoal::learning
