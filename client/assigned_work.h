// What a device does for its assignment on its own, between the calls of the
// session: choose how to run the plan, check the model, train, keep the update.
#ifndef SHOAL_CLIENT_ASSIGNED_WORK_H_
#define SHOAL_CLIENT_ASSIGNED_WORK_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "client/client_state.h"
#include "client/device_model.h"
#include "client/device_plan.h"
#include "client/group_part.h"
#include "client/session.h"
#include "client/session_limits.h"
#include "client/training_run.h"
#include "client/training_source.h"
#include "learning/local_update.h"
#include "learning/update_codec.h"
#include "protocol/messages.h"

namespace shoal::client {

// As reports of updates have it.
learning::WorkLimit LimitFrom(protocol::AbandonReason reason);

// All must outlive the work.
struct WorkSite {
  TrainingSource source;
  ClientState& state;
  const Clock& clock;
  int64_t memory_bytes = 0;            // what training may use; 0: not limited
  uint64_t seed = 0;                   // of the device
  TrainingBackend* backend = nullptr;  // null: BeginLocalTraining
  MenuSource* menus = nullptr;         // null: MakeDeviceMenu
  GroupSite group;                     // for secure aggregation
};

// The steps of one assignment, in this order. Thread-compatible.
class AssignedWork {
 public:
  // The round's time runs from now on.
  AssignedWork(const WorkSite& site, const protocol::Assignment& assignment);

  // Before anything is downloaded: whether the plan promises what the device
  // asks of it, and the best way to run it within the device's memory and
  // `limits`. Once it has been found it stays.
  Objection Choose(SessionLimits& limits);
  bool chosen() const { return model_ != nullptr; }

  // The model has come, in `transfer_time`: checks it, makes it the newest.
  Objection Adopt(HeldModel model, absl::Duration transfer_time);

  Objection BeginTraining();
  bool is_training() const { return training_ != nullptr; }
  // REQUIRES, here and below: is_training().
  bool done() const { return training_->done(); }
  int64_t num_steps() const { return training_->num_steps(); }
  // One mini-batch. After an error the training is over.
  absl::Status Step();
  // Floating-point operations so far.
  double flops() const;

  // When training has to end so that the update still arrives in time, on the
  // monotonic clock.
  absl::Duration train_until() const;

  // When the device leaves its group at the latest, on the same clock: a
  // coordinator that lied could keep it for ever.
  absl::Duration group_until() const;

  // Whether Finish() can be called now that no more steps are to be done; if
  // not, asked again at the next tick.
  bool ready_to_finish() { return training_->ready(); }
  // Ends the training and keeps the update in the state until it is uploaded;
  // with secure aggregation in group() alone. `early`: why, if it is not done.
  Objection Finish(learning::WorkLimit early);
  // Of the training, once Finish() had no objection; without the values, where
  // these are in group().
  const learning::LocalUpdate& update() const { return update_; }
  // Why it is zeros, under differential privacy; OK: it has been trained.
  const absl::Status& diverged() const { return diverged_; }
  // Null without secure aggregation.
  GroupPart* group() { return group_.get(); }
  // Keeps the masked update in the state until it is uploaded, in place of an
  // earlier one.
  Objection KeepMasked(EncodedUpdate masked);
  // Keeps in the state that the device helps to unmask its update: before it
  // does. Whatever becomes of the session, it does not make the update again,
  // as two sums that contain it could be subtracted.
  Objection KeepUnmasked();

  // What has been kept; absent: nothing.
  const std::optional<PendingUpload>& pending() const { return pending_; }
  // Once each time.
  EncodedUpdate TakeEncoded() { return std::move(encoded_); }
  // How the plan was run with less than it asks for; "" when it was not.
  const std::string& less() const { return plan_.less; }

 private:
  std::shared_ptr<const DeviceMenu> Menu() const;
  // Of the update: all, or those of the last layers where only they have been
  // trained.
  absl::Span<const float> SentValues() const;
  // Of earlier rounds.
  struct Kept {
    learning::ParameterVector private_values;
    learning::ParameterVector control;
  };
  absl::StatusOr<Kept> LoadKept();
  absl::StatusOr<std::unique_ptr<TrainingRun>> MakeRun(const Kept& kept);
  learning::UpdateReport Report() const;
  Objection Keep(EncodedUpdate encoded, const Digest& digest);
  // What the update is made from: another round, or another model, is another
  // update.
  Digest MadeFrom() const;
  Objection CheckNotUnmasked() const;

  const WorkSite site_;
  const protocol::Assignment assignment_;
  const absl::Duration deadline_;  // of the round, on the monotonic clock
  absl::Duration fetch_time_;      // of the bytes that were downloaded
  std::shared_ptr<const DeviceModel> model_;  // null: not chosen
  MenuEntry plan_;
  learning::WorkLimit limit_ = learning::WorkLimit::kNone;
  HeldModel base_;
  learning::ParameterVector taken_out_;  // of base_, for a sub-model
  absl::Status diverged_;
  std::unique_ptr<TrainingRun> training_;
  learning::LocalUpdate update_;
  std::unique_ptr<GroupPart> group_;
  EncodedUpdate encoded_;
  std::optional<PendingUpload> pending_;
};

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_ASSIGNED_WORK_H_
