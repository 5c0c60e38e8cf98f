#include "learning/algorithms/fedsgd.h"

#include "absl/strings/str_cat.h"

namespace shoal::learning {
namespace {

class FedSgd final : public LocalMethod {
 public:
  void AfterStep(double rate) override { rate_ = static_cast<float>(rate); }

  void Finish(LocalUpdate& update) override {
    for (float& value : update.delta) value *= -rate_;
  }

 private:
  float rate_ = 0;
};

}  // namespace

absl::Status CheckMethod(const FedSgdLocal&, const TrainingOptions& training) {
  if (training.epochs == 1) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("fedsgd takes one gradient of all examples: epochs is ",
                   training.epochs, ", expected 1"));
}

absl::StatusOr<std::unique_ptr<LocalMethod>> MakeMethod(const FedSgdLocal&,
                                                        const MethodInputs&) {
  return std::make_unique<FedSgd>();
}

}  // namespace shoal::learning
