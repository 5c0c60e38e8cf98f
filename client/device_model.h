// The model of a task in the form that a device has room for.
#ifndef SHOAL_CLIENT_DEVICE_MODEL_H_
#define SHOAL_CLIENT_DEVICE_MODEL_H_

#include <memory>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "learning/model.h"
#include "learning/sub_model.h"

namespace shoal::client {

// The whole model, or a narrower copy of it. Immutable and thread-safe.
class DeviceModel {
 public:
  // `width`: 1 for the whole model, else as for learning::SubModel.
  // INVALID_ARGUMENT when the specification is impossible or cannot be
  // narrowed.
  static absl::StatusOr<std::unique_ptr<DeviceModel>> Create(
      const learning::ModelSpec& spec, double width);

  // What versions of the model are of.
  const learning::Model& whole() const { return *whole_; }
  // What the device trains and predicts with.
  const learning::Model& model() const {
    return sub_model_ == nullptr ? *whole_ : *sub_model_->narrow();
  }
  double width() const {
    return sub_model_ == nullptr ? 1 : sub_model_->width();
  }

  // The shared parameters of model() in a version of the whole one. The result
  // points into `version` or into `storage`.
  absl::Span<const float> Parameters(absl::Span<const float> version,
                                     learning::ParameterVector& storage) const;

 private:
  DeviceModel() = default;

  std::unique_ptr<learning::Model> whole_;
  std::unique_ptr<learning::SubModel> sub_model_;  // null: the whole model
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_DEVICE_MODEL_H_
