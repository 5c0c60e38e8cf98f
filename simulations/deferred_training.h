// The training of a simulated device: time passes at the pace of the device,
// and what it has learned is computed when virtual time has come to its end.
#ifndef SHOAL_SIMULATIONS_DEFERRED_TRAINING_H_
#define SHOAL_SIMULATIONS_DEFERRED_TRAINING_H_

#include <cstdint>
#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "absl/types/span.h"
#include "base/digest.h"
#include "client/training_run.h"
#include "learning/data/partition_spec.h"
#include "learning/dataset.h"
#include "simulations/device_clock.h"
#include "simulations/run_log.h"
#include "simulations/training_pool.h"

namespace shoal::simulations {

// How fast a device computes.
struct ComputePace {
  double flops_per_second = 1e9;  // > 0
  absl::Duration per_step = {};   // of every mini-batch, besides
};

// What some devices send in place of what they would train: it writes the
// update to `delta`, [num_parameters], all zeros before, and says yes; of
// others it says no. A pure function; called on any thread.
using CraftedUpdates =
    std::function<bool(int64_t device, absl::Span<float> delta)>;

struct DeferredTrainingOptions {
  TrainingPool* pool = nullptr;  // all three must outlive the trainings
  DeviceClock* clock = nullptr;
  RunLog* log = nullptr;  // null: none is kept
  int64_t device = 0;
  ComputePace pace;
  // The device's examples at the moment at which it trains; called on any
  // thread, when they are needed.
  std::function<absl::StatusOr<std::shared_ptr<const learning::Dataset>>(
      const learning::Moment&)>
      load;
  // How many of the epochs it is asked for the device does, [1, asked]; called
  // when a training begins. Empty: all.
  std::function<int(int epochs)> epochs_of;
  // Whether the coordinator will look at an update that is begun to be sent
  // now. If not, it is not computed. Empty: it will.
  std::function<bool()> is_wanted;
  CraftedUpdates crafted;  // empty: what is trained is sent
};

class DeferredRun;

// Of one device. Thread-compatible.
class DeferredTraining final : public client::TrainingBackend {
 public:
  explicit DeferredTraining(DeferredTrainingOptions options)
      : options_(std::move(options)) {}

  absl::StatusOr<std::unique_ptr<client::TrainingRun>> Begin(
      const client::TrainingOrder& order) override;

  // Within the process no byte is lost: a name will do, and is the cheaper the
  // larger the update.
  Digest DigestOf(absl::string_view update) const override;

  // Whether a training has all its steps behind it, and waits for virtual time
  // to come there: the device's next tick must not come before.
  bool is_waiting() const { return waiting_; }
  // When the training began that is waiting, or was the last.
  absl::Time began() const { return began_; }
  // Of all trainings so far.
  double flops() const { return flops_; }
  // Of the last training, or of the one that is waiting.
  double last_flops() const { return flops_ - flops_before_; }
  // In the log, of the last training whose result was asked for; 0: none was
  // since the last Begin or Forget.
  int64_t in_log() const { return in_log_; }
  // Version of the model that the last training began with.
  int64_t base_version() const { return base_version_; }
  void Forget() { in_log_ = 0; }
  // The last training has come no further than that part of it.
  void CutShort(double part) {
    flops_ = flops_before_ + part * (flops_ - flops_before_);
  }

 private:
  friend class DeferredRun;
  const DeferredTrainingOptions options_;
  bool waiting_ = false;
  int64_t in_log_ = 0;
  int64_t base_version_ = 0;
  absl::Time began_;
  double flops_ = 0;
  double flops_before_ = 0;  // the last training
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_DEFERRED_TRAINING_H_
