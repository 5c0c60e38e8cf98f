#include "client/predictor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/device_plan.h"

namespace shoal::client {

absl::StatusOr<std::vector<float>> Predictor::Predict(
    absl::Span<const float> features) {
  MutexLock lock(mutex_);
  if (stale_.exchange(false)) {
    const absl::Status loaded = Load();
    if (!loaded.ok()) {
      stale_ = true;
      return loaded;
    }
  }
  const learning::ModelSpec& spec = model_->spec();
  if (features.size() != static_cast<size_t>(spec.inputs())) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are ", features.size(), " features, model ",
                     spec.ToString(), " takes ", spec.inputs()));
  }
  std::vector<float> probabilities(spec.outputs());
  model_->Predict(stored_->parameters, features, absl::MakeSpan(probabilities));
  return probabilities;
}

absl::Status Predictor::Load() {
  const absl::StatusOr<NewestModel> newest = state_.LoadNewest();
  if (absl::IsNotFound(newest.status())) {
    return absl::FailedPreconditionError("no model has been fetched yet");
  }
  SHOAL_RETURN_IF_ERROR(newest.status());
  SHOAL_ASSIGN_OR_RETURN(auto stored, state_.LoadModel(newest->digest));
  SHOAL_ASSIGN_OR_RETURN(auto model, learning::Model::Create(newest->spec));
  SHOAL_RETURN_IF_ERROR(CheckLayout(stored->layout, *model));
  stored_ = std::move(stored);
  model_ = std::move(model);
  return absl::OkStatus();
}

}  // namespace shoal::client
