#include "client/predictor.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "client/device_plan.h"
#include "client/own_trainer.h"
#include "client/private_values.h"
#include "learning/dataset.h"

namespace shoal::client {

namespace {

absl::StatusOr<NewestModel> FindNewest(ClientState& state) {
  absl::StatusOr<NewestModel> newest = state.LoadNewest();
  if (!absl::IsNotFound(newest.status())) return newest;
  return absl::FailedPreconditionError("no model has been fetched yet");
}

}  // namespace

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
  const learning::Model& model = model_->model();
  const size_t inputs = model.input().num_values();
  if (features.size() != inputs) {
    return absl::InvalidArgumentError(
        absl::StrCat("there are ", features.size(), " features, model ",
                     model_->whole().spec().ToString(), " takes ", inputs));
  }
  SHOAL_RETURN_IF_ERROR(learning::CheckFeatures(model, features));
  const absl::Span<const float> result =
      (*predictor_)->Predict(values_, features);
  return std::vector<float>(result.begin(), result.end());
}

absl::Status Predictor::Load() {
  SHOAL_ASSIGN_OR_RETURN(const NewestModel newest, FindNewest(state_));
  SHOAL_ASSIGN_OR_RETURN(const HeldModel stored,
                         state_.LoadModel(newest.digest));
  SHOAL_ASSIGN_OR_RETURN(auto model,
                         DeviceModel::Create(newest.spec, newest.width));
  if (const absl::Status ours = model->whole().CheckComputable(); !ours.ok()) {
    return absl::FailedPreconditionError(ours.message());
  }
  SHOAL_RETURN_IF_ERROR(CheckLayout(stored.view.layout, model->whole()));
  SHOAL_ASSIGN_OR_RETURN(
      const learning::ParameterVector own,
      LoadPrivateValues(state_, newest.task, model->model()));
  learning::ParameterVector storage;
  const absl::Span<const float> shared =
      model->Parameters(stored.view.parameters, storage);
  values_.assign(shared.begin(), shared.end());
  values_.insert(values_.end(), own.begin(), own.end());
  predictor_ = std::make_unique<learning::OwnedPredictor>(model->model(), 1);
  model_ = std::move(model);
  return absl::OkStatus();
}

absl::StatusOr<ModelValues> LoadNewestValues(ClientState& state) {
  SHOAL_ASSIGN_OR_RETURN(const NewestModel newest, FindNewest(state));
  SHOAL_ASSIGN_OR_RETURN(const HeldModel stored,
                         state.LoadModel(newest.digest));
  return ModelValues{
      newest.task,
      newest.version,
      TensorsOf(stored.view.layout),
      {stored.view.parameters.begin(), stored.view.parameters.end()}};
}

}  // namespace shoal::client
