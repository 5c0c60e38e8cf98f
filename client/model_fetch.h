// Brings an assignment's model to the device: from its own state, or from the
// coordinator, going on with a download that was interrupted.
#ifndef SHOAL_CLIENT_MODEL_FETCH_H_
#define SHOAL_CLIENT_MODEL_FETCH_H_

#include <cstdint>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "client/client_state.h"
#include "client/device_plan.h"
#include "client/transport.h"
#include "protocol/messages.h"

namespace shoal::client {

// One attempt. Thread-compatible.
class ModelFetch {
 public:
  // `transport`, `state` and `clock` must outlive the fetch.
  ModelFetch(const protocol::ModelReference& reference, Transport& transport,
             ClientState& state, const Clock& clock)
      : reference_(reference),
        transport_(transport),
        state_(state),
        clock_(clock) {}
  // Ends a call that is under way; what has arrived stays in the state.
  ~ModelFetch();
  ModelFetch(const ModelFetch&) = delete;
  ModelFetch& operator=(const ModelFetch&) = delete;

  // Moves the fetch on by one piece, waiting for the network up to `max_wait`.
  // Nothing: it is not over. Otherwise whether the model is here, and what to
  // give the assignment up with if it never will be. No other step may follow
  // then.
  std::optional<Objection> Step(absl::Duration max_wait);

  // Once. REQUIRES: the last step brought it.
  HeldModel model() { return std::move(model_); }
  // How long the transfer took; zero when nothing was fetched.
  absl::Duration transfer_time() const { return transfer_time_; }

 private:
  // Looks into the state; starts the call when the model is not there.
  std::optional<Objection> Begin();
  // The download's last byte is here.
  Objection Finish();
  absl::Status Take(absl::string_view bytes);

  const protocol::ModelReference reference_;
  Transport& transport_;
  ClientState& state_;
  const Clock& clock_;
  bool calling_ = false;
  int64_t held_ = 0;            // bytes of the download
  absl::Status storage_error_;  // of this device
  absl::Duration started_at_;
  absl::Duration transfer_time_;
  HeldModel model_;
};

// An error of this device's own storage, told apart from the coordinator's.
absl::Status StorageError(const absl::Status& status);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_MODEL_FETCH_H_
