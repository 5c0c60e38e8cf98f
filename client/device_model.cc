#include "client/device_model.h"

#include <utility>

#include "base/status_macros.h"

namespace shoal::client {

absl::StatusOr<std::unique_ptr<DeviceModel>> DeviceModel::Create(
    const learning::ModelSpec& spec, double width) {
  std::unique_ptr<DeviceModel> result(new DeviceModel());
  SHOAL_ASSIGN_OR_RETURN(result->whole_, learning::Model::Create(spec));
  if (width == 1) return result;
  SHOAL_ASSIGN_OR_RETURN(result->sub_model_,
                         learning::SubModel::Create(*result->whole_, width));
  return result;
}

absl::Span<const float> DeviceModel::Parameters(
    absl::Span<const float> version, learning::ParameterVector& storage) const {
  if (sub_model_ == nullptr) return version;
  storage.resize(model().layout().num_parameters());
  sub_model_->TakeOut(version, absl::MakeSpan(storage));
  return storage;
}

}  // namespace shoal::client
