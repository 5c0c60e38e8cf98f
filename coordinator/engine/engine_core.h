// What the parts of the engine share: options, what they depend on, and the
// bookkeeping behind one mutex. Private to this folder.
#ifndef SHOAL_COORDINATOR_ENGINE_ENGINE_CORE_H_
#define SHOAL_COORDINATOR_ENGINE_ENGINE_CORE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "coordinator/engine/fleet_size.h"
#include "coordinator/engine/notices.h"
#include "coordinator/engine/pace.h"
#include "coordinator/engine/round_engine.h"
#include "coordinator/engine/round_refusals.h"
#include "coordinator/engine/running_round.h"
#include "coordinator/engine/task_setup.h"
#include "protocol/assignment_token.h"
#include "protocol/refusal.h"

namespace shoal::coordinator {

// What a device has said to its group of secure aggregation, or that it has no
// part in its round any more.
struct GroupLetter {
  std::string device_id;
  int64_t round_id = 0;
  protocol::AggregateRequest request;
  AggregateDone done;      // empty: the device has left the round
  std::string fault = "";  // or was found out, as a row says: what it did
};

// A task in memory: a cache of its rows. Guarded by the mutex of EngineCore,
// but for `setup`, which never changes.
struct RunningTask {
  explicit RunningTask(std::shared_ptr<const TaskSetup> setup)
      : setup(std::move(setup)) {}

  const std::shared_ptr<const TaskSetup> setup;
  TaskRow row;
  int64_t model_bytes = 0;              // of every serialised version
  std::shared_ptr<RunningRound> round;  // null: none is unfinished
  absl::Time next_open = absl::InfinitePast();
  double last_median_norm = 0;    // of the last committed round
  absl::Duration round_duration;  // average; zero: none yet
  RefusalCounts refused;
  std::vector<GroupLetter> letters;  // not read yet
  // As far as is known, another replica leads the task.
  bool led_elsewhere = false;
  absl::Status held_up;  // the error of the last step, while it is tried again
  // The rows may have changed without us: Advance() reads them again.
  bool stale = true;

  // Whether what devices have for their groups of secure aggregation is for
  // another replica: only who leads the task knows how these stand.
  bool groups_are_elsewhere() const {
    return led_elsewhere && setup->task.secure_aggregation.has_value();
  }
};

// A stream's callback and what it is to be told, by Advance().
struct Answer {
  UploadDone done;
  absl::StatusOr<protocol::UploadReceipt> receipt;
};

// The same of a call to a group.
struct GroupAnswer {
  AggregateDone done;
  absl::StatusOr<protocol::AggregateAnswer> answer;
};

struct EngineCore {
  EngineCore(EngineOptions options, const EngineDependencies& dependencies)
      : options(std::move(options)), deps(dependencies) {}

  PaceBounds pace_bounds() const {
    return {options.min_retry, options.max_retry};
  }
  BatchRule batch_rule() const {
    return {options.commit_max_updates, options.commit_max_bytes,
            options.commit_max_delay};
  }

  // Null when there is none. Tasks never go away.
  RunningTask* FindTask(const std::string& name) SHOAL_REQUIRES(mutex);

  // Remembers for LastError() whether the store took a durable write; returns
  // `status`.
  absl::Status Noted(absl::Status status) SHOAL_EXCLUDES(mutex);
  // The same for one that is not durable at once: its success proves nothing.
  absl::Status NotedIfTrouble(absl::Status status) SHOAL_EXCLUDES(mutex);

  // What pace steering goes by, for a device that may take part.
  PaceInput PaceInputOf(const RunningTask& task, absl::Time now)
      SHOAL_REQUIRES(mutex);
  // When a device that may take part in this task should come back: about when
  // its next round opens, `rounds_to_sit_out` later.
  absl::Duration PaceOf(const RunningTask& task, int64_t rounds_to_sit_out,
                        absl::Time now) SHOAL_REQUIRES(mutex);
  // When one that finds no free place should: of asynchronous rounds, which
  // have a place whenever a device has reported, that much sooner.
  absl::Duration PaceUntilPlace(const RunningTask& task, absl::Time now)
      SHOAL_REQUIRES(mutex);
  // The same after a contribution to its running round.
  absl::Duration PaceAfterContribution(const RunningTask& task, absl::Time now)
      SHOAL_REQUIRES(mutex);
  // The fleet of a population that some task is for; all others share one, so
  // that no device can make us remember names.
  FleetSize& FleetOf(const std::string& population) SHOAL_REQUIRES(mutex);

  protocol::UploadReceipt ReceiptFor(const RunningTask& task, int64_t round_id,
                                     const Digest& digest, int64_t segment_id,
                                     absl::Time now) SHOAL_REQUIRES(mutex);

  // Lets its group know, if there is one, that a device has left the round.
  static void NoteLeft(RunningTask& task, int64_t round_id,
                       const std::string& device_id);
  // The same, that it has broken the protocol. REQUIRES: the fault is a row.
  static void NoteFault(RunningTask& task, const FaultRow& fault);
  // Calls what Tell() has collected. By Advance() alone.
  void DeliverAnswers() SHOAL_EXCLUDES(mutex);
  // Lets Advance() tell all waiters of `upload`.
  void Tell(Upload& upload,
            const absl::StatusOr<protocol::UploadReceipt>& receipt)
      SHOAL_REQUIRES(mutex);

  secure_aggregation::GroupMaker& group_maker() const {
    return deps.group_maker != nullptr ? *deps.group_maker
                                       : secure_aggregation::RealGroups();
  }
  SecureRng& noise_rng() const {
    return deps.noise_rng != nullptr ? *deps.noise_rng : deps.rng;
  }
  SecureRng& group_rng() const {
    return deps.group_rng != nullptr ? *deps.group_rng : deps.rng;
  }

  const EngineOptions options;
  const EngineDependencies deps;

  mutable Mutex mutex;
  std::map<std::string, std::unique_ptr<RunningTask>> tasks
      SHOAL_GUARDED_BY(mutex);
  std::map<std::string, FleetSize> fleets SHOAL_GUARDED_BY(mutex);
  std::shared_ptr<const protocol::TokenSigner> signer SHOAL_GUARDED_BY(mutex);
  std::vector<Answer> answers SHOAL_GUARDED_BY(mutex);
  std::vector<GroupAnswer> group_answers SHOAL_GUARDED_BY(mutex);
  bool admitting SHOAL_GUARDED_BY(mutex) = true;
  absl::Status last_error SHOAL_GUARDED_BY(mutex);
};

// Whether the store does not work, rather than says no.
bool IsTrouble(const absl::Status& status);

// Refusals that every call may end with.
absl::Status ShuttingDown();
absl::Status StoreUnavailable(const absl::Status& cause);
// Only the replica that leads the task can tell: the device shall try again.
absl::Status LedElsewhere();

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_ENGINE_ENGINE_CORE_H_
