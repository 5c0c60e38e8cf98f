// Predictions with the newest model that a device holds.
#ifndef SHOAL_CLIENT_PREDICTOR_H_
#define SHOAL_CLIENT_PREDICTOR_H_

#include <atomic>
#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/types/span.h"
#include "base/mutex.h"
#include "client/client_state.h"
#include "client/device_model.h"
#include "client/include/shoal/trainer.h"
#include "learning/model.h"
#include "learning/predictor.h"

namespace shoal::client {

// Loads the model with the first prediction after it has changed. Thread-safe.
class Predictor {
 public:
  // `state` must outlive the predictor.
  explicit Predictor(ClientState& state) : state_(state) {}

  // A newer model may have been fetched.
  void Refresh() { stale_ = true; }

  // FAILED_PRECONDITION before the first model; INVALID_ARGUMENT when
  // `features` has another size than the model's inputs, or holds no tokens
  // where it takes some. What the values mean: learning::Predictor::Predict.
  absl::StatusOr<std::vector<float>> Predict(absl::Span<const float> features)
      SHOAL_EXCLUDES(mutex_);

 private:
  absl::Status Load() SHOAL_REQUIRES(mutex_);

  ClientState& state_;
  std::atomic<bool> stale_ = true;
  Mutex mutex_;
  std::unique_ptr<DeviceModel> model_ SHOAL_GUARDED_BY(mutex_);
  std::unique_ptr<learning::OwnedPredictor> predictor_ SHOAL_GUARDED_BY(mutex_);
  // The model's and the device's own values, in this order.
  learning::ParameterVector values_ SHOAL_GUARDED_BY(mutex_);
};

// The newest model as flat values, of the whole one. FAILED_PRECONDITION before
// the first. Thread-safe.
absl::StatusOr<ModelValues> LoadNewestValues(ClientState& state);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_PREDICTOR_H_
