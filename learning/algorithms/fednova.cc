#include "learning/algorithms/fednova.h"

#include <variant>

#include "learning/step_sum.h"

namespace shoal::learning {
namespace {

class FedNova final : public LocalMethod {
 public:
  FedNova(const SgdOptimizer& sgd, double learning_rate)
      : steps_(sgd), learning_rate_(learning_rate) {}

  void AfterStep(double rate) override { steps_.Step(rate / learning_rate_); }

  void Finish(LocalUpdate& update) override {
    // Where the rate was 0 all the time, nothing has moved.
    if (steps_.sum() > 0) update.divisor = steps_.sum();
    const float factor = static_cast<float>(1 / update.divisor);
    for (float& value : update.delta) value *= factor;
  }

 private:
  StepSum steps_;
  const double learning_rate_;
};

}  // namespace

absl::Status CheckMethod(const FedNovaLocal&, const TrainingOptions& training) {
  if (std::holds_alternative<SgdOptimizer>(training.optimizer.rule)) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      "fednova needs sgd on the devices: what the steps of another optimizer "
      "add up to is not known");
}

absl::StatusOr<std::unique_ptr<LocalMethod>> MakeMethod(
    const FedNovaLocal&, const MethodInputs& inputs) {
  return std::make_unique<FedNova>(
      std::get<SgdOptimizer>(inputs.training.optimizer.rule),
      inputs.training.learning_rate);
}

}  // namespace shoal::learning
