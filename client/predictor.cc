#include "client/predictor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/device_plan.h"
#include "client/private_values.h"
#include "learning/dataset.h"

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
  const size_t inputs = model_->input().num_values();
  if (features.size() != inputs) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are ", features.size(), " features, model ",
                     model_->spec().ToString(), " takes ", inputs));
  }
  SHOAL_RETURN_IF_ERROR(learning::CheckTokens(*model_, features));
  const absl::Span<const float> result =
      (*predictor_)->Predict(values_, features);
  return std::vector<float>(result.begin(), result.end());
}

absl::Status Predictor::Load() {
  const absl::StatusOr<NewestModel> newest = state_.LoadNewest();
  if (absl::IsNotFound(newest.status())) {
    return absl::FailedPreconditionError("no model has been fetched yet");
  }
  SHOAL_RETURN_IF_ERROR(newest.status());
  SHOAL_ASSIGN_OR_RETURN(const auto stored, state_.LoadModel(newest->digest));
  SHOAL_ASSIGN_OR_RETURN(auto model, learning::Model::Create(newest->spec));
  SHOAL_RETURN_IF_ERROR(CheckLayout(stored->layout, *model));
  SHOAL_ASSIGN_OR_RETURN(const learning::ParameterVector own,
                         LoadPrivateValues(state_, newest->task, *model));
  values_ = stored->parameters;
  values_.insert(values_.end(), own.begin(), own.end());
  predictor_ = std::make_unique<learning::OwnedPredictor>(*model, 1);
  model_ = std::move(model);
  return absl::OkStatus();
}

}  // namespace shoal::client
