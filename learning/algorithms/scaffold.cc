#include "learning/algorithms/scaffold.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace shoal::learning {
namespace {

class Scaffold final : public LocalMethod {
 public:
  // `control`: c, must outlive the method; `own`: c_k, empty for zero.
  Scaffold(int option, absl::Span<const float> control,
           absl::Span<const float> own)
      : control_(control), correction_(control.begin(), control.end()) {
    for (size_t i = 0; i < own.size(); ++i) correction_[i] -= own[i];
    if (option == 1) gradient_.resize(control.size());
  }

  absl::Span<float> PlaceOfGradient(absl::Span<float>) override {
    return absl::MakeSpan(gradient_);
  }

  void BeforeStep(StepOptions& step) const override {
    step.correction = correction_;
  }

  void AfterStep(double rate) override { rates_ += rate; }

  void Finish(LocalUpdate& update) override {
    const size_t size = control_.size();
    update.delta.resize(2 * size);
    for (size_t i = 0; i < size; ++i) {
      const float before = control_[i] - correction_[i];
      const float next = NextOwn(i, before, update.delta[i]);
      update.delta[size + i] = next - before;
      correction_[i] = next;
    }
    update.control = std::move(correction_);
  }

 private:
  // c_k from now on, of one parameter.
  float NextOwn(size_t i, float before, float delta) const {
    if (!gradient_.empty()) return gradient_[i];
    // Where the rate was 0 all the time, the steps tell nothing.
    if (rates_ == 0) return before;
    return static_cast<float>(-delta / rates_ - correction_[i]);
  }

  const absl::Span<const float> control_;
  ParameterVector correction_;  // c - c_k
  ParameterVector gradient_;    // of option I; empty: option II
  double rates_ = 0;
};

absl::Status CheckSize(absl::string_view what, size_t size, size_t expected) {
  if (size == expected) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "scaffold: ", what, " has ", size, " values, expected ", expected));
}

}  // namespace

absl::Status CheckMethod(const ScaffoldLocal& local, const TrainingOptions&) {
  if (local.num_devices < 1) {
    return absl::InvalidArgumentError(absl::StrCat(
        "scaffold: devices is ", local.num_devices, ", expected at least 1"));
  }
  if (local.option == 1 || local.option == 2) return absl::OkStatus();
  return absl::InvalidArgumentError(
      absl::StrCat("scaffold: option is ", local.option, ", expected 1 or 2"));
}

absl::StatusOr<std::unique_ptr<LocalMethod>> MakeMethod(
    const ScaffoldLocal& local, const MethodInputs& inputs) {
  const size_t size = inputs.start.size();
  const absl::Span<const float> own = inputs.run.own_control;
  absl::Status fits =
      CheckSize("the round's control variate", inputs.run.control.size(), size);
  if (!own.empty()) {
    fits.Update(CheckSize("the device's control variate", own.size(), size));
  }
  if (!fits.ok()) return fits;
  return std::make_unique<Scaffold>(local.option, inputs.run.control, own);
}

}  // namespace shoal::learning
