#include "learning/algorithms/fedprox.h"

#include <cmath>

#include "absl/strings/str_cat.h"

namespace shoal::learning {
namespace {

class FedProx final : public LocalMethod {
 public:
  FedProx(double mu, absl::Span<const float> start)
      : mu_(static_cast<float>(mu)), start_(start) {}

  void BeforeStep(StepOptions& step) const override {
    step.proximal_mu = mu_;
    if (mu_ != 0) step.anchor = start_;
  }

 private:
  const float mu_;
  const absl::Span<const float> start_;
};

}  // namespace

absl::Status CheckMethod(const FedProxLocal& local, const TrainingOptions&) {
  if (local.mu >= 0 && std::isfinite(static_cast<float>(local.mu))) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(
      absl::StrCat("mu is ", local.mu, ", expected a number of at least 0"));
}

absl::StatusOr<std::unique_ptr<LocalMethod>> MakeMethod(
    const FedProxLocal& local, const MethodInputs& inputs) {
  return std::make_unique<FedProx>(local.mu, inputs.start);
}

}  // namespace shoal::learning
