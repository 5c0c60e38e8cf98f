// One training of an assignment, a step at a time, whoever computes it.
#ifndef SHOAL_CLIENT_TRAINING_RUN_H_
#define SHOAL_CLIENT_TRAINING_RUN_H_

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "learning/local_training.h"
#include "learning/local_update.h"

namespace shoal::client {

// Thread-compatible.
class TrainingRun {
 public:
  virtual ~TrainingRun() = default;

  // Whether every step has been done.
  virtual bool done() const = 0;
  virtual int64_t num_steps() const = 0;  // so far
  // How much of what comes before the first step is done, [0, 1].
  virtual double share_before() const = 0;
  // REQUIRES: !done(). No step may follow an error.
  virtual absl::Status Step() = 0;
  // The update of the steps so far; no other call may follow. ABORTED when
  // there was none, or when it is not finite.
  virtual absl::StatusOr<learning::LocalUpdate> Finish() = 0;
};

// By the models of tasks. `num_examples` >= 1: of its data.
std::unique_ptr<TrainingRun> MakeTrainingRun(
    std::unique_ptr<learning::LocalTraining> training, int64_t num_examples);

}  // namespace shoal::client

#endif  // SHOAL_CLIENT_TRAINING_RUN_H_
