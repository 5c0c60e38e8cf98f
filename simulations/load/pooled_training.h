// Training by a pool of threads: the thread that ticks sessions is free for
// calls meanwhile.
#ifndef SHOAL_SIMULATIONS_LOAD_POOLED_TRAINING_H_
#define SHOAL_SIMULATIONS_LOAD_POOLED_TRAINING_H_

#include <functional>
#include <memory>
#include <utility>

#include "absl/status/statusor.h"
#include "base/thread_pool.h"
#include "client/training_run.h"
#include "learning/dataset.h"

namespace shoal::simulations {

struct PooledTrainingOptions {
  ThreadPool* pool = nullptr;  // must outlive the trainings
  // The device's examples in a round; called by the pool, when it trains.
  std::function<absl::StatusOr<std::shared_ptr<const learning::Dataset>>(
      int64_t round)>
      load;
  // Whether training is still of use; asked by the pool before it begins.
  std::function<bool()> is_wanted;
  // The training is computed; called by the pool. Continue() is to follow on
  // the session's thread.
  std::function<void()> on_computed;
};

// Of one device. Trains as client::BeginLocalTraining does, all steps of a plan
// at once when the session has counted them. Used by the session's thread.
class PooledTraining final : public client::TrainingBackend {
 public:
  explicit PooledTraining(PooledTrainingOptions options)
      : options_(std::move(options)) {}

  absl::StatusOr<std::unique_ptr<client::TrainingRun>> Begin(
      const client::TrainingOrder& order) override;

  // While it is the session must neither be ticked nor die.
  bool is_computing() const { return is_computing_; }
  // What is computed can be taken by the session's next tick.
  void Continue() { is_computing_ = false; }

 private:
  friend class PooledRun;
  const PooledTrainingOptions options_;
  bool is_computing_ = false;
};

}  // namespace shoal::simulations

#endif  // SHOAL_SIMULATIONS_LOAD_POOLED_TRAINING_H_
