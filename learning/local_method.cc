#include "learning/local_method.h"

#include <variant>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "learning/algorithms/fedavg.h"
#include "learning/algorithms/fednova.h"
#include "learning/algorithms/fedprox.h"
#include "learning/algorithms/fedsgd.h"
#include "learning/algorithms/scaffold.h"

namespace shoal::learning {
namespace {

bool IsPlainSgd(const LocalOptimizer& optimizer) {
  const auto* sgd = std::get_if<SgdOptimizer>(&optimizer.rule);
  return sgd != nullptr && sgd->momentum == 0 && sgd->weight_decay == 0 &&
         optimizer.clip_norm == 0;
}

absl::Status NotKnown(absl::string_view name, absl::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat(name, " is not known to work ", what));
}

// What the traits say goes with `training` and `model`.
absl::Status CheckPlain(absl::string_view name, const TrainingOptions& training,
                        const Model& model) {
  if (!IsPlainSgd(training.optimizer)) {
    return absl::InvalidArgumentError(absl::StrCat(
        name,
        " needs sgd on the devices, without momentum, weight_decay and "
        "clip_norm"));
  }
  if (!training.sub_model_widths.empty() ||
      !training.sub_model_layers.empty()) {
    return NotKnown(name,
                    "with sub-models: leave out sub_model_widths and "
                    "sub_model_layers");
  }
  if (model.private_layout().num_parameters() > 0) {
    return NotKnown(name, "with layers that stay on the device");
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status CheckOwnTrainers(const LocalAlgorithm& algorithm) {
  const AlgorithmTraits traits = TraitsOf(algorithm);
  if (!traits.plain_sgd_only) return absl::OkStatus();
  return NotKnown(traits.name, "with trainers of the devices' own");
}

absl::Status CheckAlgorithm(const LocalAlgorithm& algorithm,
                            const TrainingOptions& training,
                            const Model& model) {
  SHOAL_RETURN_IF_ERROR(std::visit(
      [&](const auto& local) { return CheckMethod(local, training); },
      algorithm));
  const AlgorithmTraits traits = TraitsOf(algorithm);
  if (!traits.plain_sgd_only) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(CheckPlain(traits.name, training, model));
  return model.is_external() ? CheckOwnTrainers(algorithm) : absl::OkStatus();
}

absl::StatusOr<std::unique_ptr<LocalMethod>> MakeLocalMethod(
    const LocalAlgorithm& algorithm, const MethodInputs& inputs) {
  return std::visit(
      [&](const auto& local) { return MakeMethod(local, inputs); }, algorithm);
}

}  // namespace shoal::learning
