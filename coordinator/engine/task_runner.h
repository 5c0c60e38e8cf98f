// Moves one task through time: commits batches, opens, seals, aggregates,
// commits and fails its rounds, one step after the other, until nothing is due.
#ifndef SHOAL_COORDINATOR_ENGINE_TASK_RUNNER_H_
#define SHOAL_COORDINATOR_ENGINE_TASK_RUNNER_H_

#include <memory>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "coordinator/engine/batch.h"
#include "coordinator/engine/engine_core.h"
#include "coordinator/engine/round_groups.h"
#include "coordinator/engine/round_privacy.h"
#include "protocol/round_failure.h"

namespace shoal::coordinator {

// Used by Advance() alone: one thread at a time, no lock held by the caller.
// Every step is one conditional transaction; after any error the rows are read
// again, so that a step of unknown outcome is neither lost nor done twice.
class TaskRunner {
 public:
  // Both must outlive the runner.
  TaskRunner(EngineCore& core, RunningTask& task) : core_(core), task_(task) {
    if (task.setup->task.secure_aggregation.has_value()) {
      groups_.emplace(core, task);
    }
    if (task.setup->privacy.has_value()) privacy_.emplace(core, task);
  }

  // Reads the rows of the task.
  absl::Status Load(absl::Time now) { return RefreshIfStale(now); }

  // Returns when it wants to be called next, at the latest. After an error:
  // tries again with back-off.
  absl::Time Advance(absl::Time now);

 private:
  enum class Due {
    kNothing,
    kBatch,
    kOpen,
    kSeal,
    kFail,
    kFailOverdrawn,
    kFailUnmasking,
    kCommit
  };

  absl::Status RunUntilNothingIsDue(absl::Time now);
  absl::Status Do(Due due, absl::Time now);
  absl::Status CommitDueBatch(absl::Time now);
  Due Decide(absl::Time now);
  absl::Time NextWake(absl::Time now);

  // Reads the task's rows again when they may have changed.
  absl::Status RefreshIfStale(absl::Time now);
  absl::Status Refresh(absl::Time now);
  absl::Status ReadLastRounds(const TaskRow& row);
  absl::StatusOr<RoundRecords> ReadRecords(const RoundRow& round,
                                           absl::Time now);
  // Of the task's newest round: where asynchronous ones have devices at work
  // between two rounds. Nothing: none was opened yet.
  absl::StatusOr<std::optional<RoundRow>> NewestRound();
  // The round that memory is to follow, after `unfinished` was read.
  absl::StatusOr<std::optional<RoundRow>> RoundToFollow(
      const TaskRow& task, const std::optional<RoundRow>& unfinished);
  // Takes or renews the lease; without it only batches are committed.
  absl::Status KeepLease(absl::Time now);
  void NoteLedElsewhere();

  absl::Status Open(absl::Time now);
  // The task's budget is spent: it ends here, and says so.
  absl::Status Stop(const absl::Status& why, absl::Time now);
  // Memory goes on with the round that was opened.
  absl::Status Follow(const RoundRow& row);
  // Ends the assignments of asynchronous rounds that are too late.
  void ExpireAssignments(absl::Time now);
  // Tells, and records but for those that were silent, assignments that have
  // ended.
  void TellEnded(const std::vector<EndedAssignment>& ended);
  absl::Status Seal(absl::Time now);
  absl::Status Fail(protocol::RoundFailure failure, absl::Time now);
  // Fails a round of which no model can be made, for good; `why` otherwise.
  absl::Status FailHopeless(const absl::Status& why, absl::Time now);
  absl::Status Reveal(RoundRow row, absl::Time now);
  absl::Status Commit(absl::Time now);

  void OnError(const absl::Status& status, absl::Time now);
  // For explanations.
  void SetHeldUp(const absl::Status& status);
  // Tells devices that have waited too long for a store that does not work, or
  // for the next asynchronous round; their updates stay queued.
  void TellTheImpatient(absl::Time now);
  // Whether no round is under way.
  bool IsBetweenRounds() const SHOAL_REQUIRES(core_.mutex) {
    return task_.round == nullptr || IsFinal(task_.round->row().state);
  }
  const std::optional<configuration::AsynchronousRounds>& asynchronous() const {
    return task_.setup->task.round.asynchronous;
  }

  struct Current {
    std::shared_ptr<RunningRound> round;
    RoundRow row;  // as it was
  };
  // REQUIRES: there is a round.
  Current CurrentRound() const;

  EngineCore& core_;
  RunningTask& task_;
  RoundSum sum_;
  std::optional<RoundGroups> groups_;    // of tasks that aggregate securely
  std::optional<RoundPrivacy> privacy_;  // of tasks that ask for it
  std::optional<Lease> lease_;
  absl::Time lease_taken_ = absl::InfinitePast();
  absl::Time last_failure_ = absl::InfinitePast();  // newest round, if failed
  bool knows_median_ = false;
  // Whether memory has all devices at work for asynchronous rounds: what this
  // replica does itself it need not read again.
  bool knows_assignments_ = false;
  int errors_ = 0;  // in a row
  absl::Time retry_at_ = absl::InfinitePast();
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_TASK_RUNNER_H_
