// The memory store's class: its tables are maps of rows. One mutex guards
// everything, because no method waits for anything else.
#ifndef SHOAL_COORDINATOR_STORE_MEMORY_TABLES_H_
#define SHOAL_COORDINATOR_STORE_MEMORY_TABLES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "base/mutex.h"
#include "coordinator/engine/round_store.h"
#include "coordinator/store/memory_devices.h"
#include "coordinator/store/memory_ledger.h"
#include "coordinator/store/memory_store.h"
#include "coordinator/store/store_rules.h"

namespace shoal::coordinator {

// Thread-safe. memory_tasks.cc has what concerns tasks, models and leases,
// memory_rounds.cc what concerns rounds, memory_store.cc hands what concerns
// devices, invitations and keys to their tables.
class MemoryStore final : public RoundStore {
 public:
  explicit MemoryStore(const MemoryStoreOptions& options) : options_(options) {}

#include "coordinator/store/store_methods.inc.h"
  bool keeps_sums() const override { return options_.keep_sums; }

 private:
  struct Task {
    TaskRow row;
    std::optional<HeldLease> lease;
    std::string optimizer_state;
    std::vector<ModelRow> models;  // oldest first
    std::vector<int64_t> rounds;   // ids, oldest first
  };

  struct Round {
    RoundRow row;
    // Lists of rows are sorted when they are asked for.
    absl::flat_hash_map<std::string, AssignmentRow> assignments;  // by device
    // In its sum, by device id and earlier round.
    absl::flat_hash_map<std::pair<std::string, int64_t>, ContributionRow>
        contributions;
    // Of its assignments those in the sum of a later round, by device id.
    absl::flat_hash_map<std::string, int64_t> counted_later;
    std::vector<SegmentRow> segments;
    std::map<int64_t, int64_t> segment_bytes;  // that were sent, by id
    std::vector<std::pair<Digest, std::vector<std::string>>> groups;
    std::vector<GroupSummary> summaries;  // of groups, in that order
    std::set<std::string> withdrawn;      // forgotten devices; until it is over
  };
  struct Model {
    ModelRow row;  // of the first version with these bytes
    std::string bytes;
  };

  absl::StatusOr<Task*> FindTask(const std::string& name)
      SHOAL_REQUIRES(mutex_);
  absl::StatusOr<Round*> FindRound(int64_t id) SHOAL_REQUIRES(mutex_);
  std::vector<TaskRow> TaskRows() SHOAL_REQUIRES(mutex_);
  Round* UnfinishedRound(const Task& task) SHOAL_REQUIRES(mutex_);
  std::optional<RoundRow> UnfinishedRow(const Task& task)
      SHOAL_REQUIRES(mutex_);

  // Of that round's assignment; null: none.
  const ContributionRow* FindContribution(const Round& round,
                                          const std::string& device_id)
      SHOAL_REQUIRES(mutex_);
  // How an assignment that is counted has ended.
  void CountAssignment(Round& round, ContributionRow& row, int64_t sum_round)
      SHOAL_REQUIRES(mutex_);
  // Adds the rows and their summary, or changes nothing.
  absl::Status AddGroupRows(Round& round, const NewGroupRows& rows)
      SHOAL_REQUIRES(mutex_);
  void AddFault(const FaultRow& fault) SHOAL_REQUIRES(mutex_);
  // Deletes what only a round that is not over needs.
  static void EndRound(Round& round);
  // Lets go of what the options do not ask to keep, after the task's newest
  // round has ended.
  void ForgetOld(Task& task) SHOAL_REQUIRES(mutex_);

  // A round and its task, for a leader who may change them.
  struct Led {
    Task* task;
    Round* round;
  };
  absl::StatusOr<Led> FindLed(const Lease& lease, int64_t round_id)
      SHOAL_REQUIRES(mutex_);

  const MemoryStoreOptions options_;
  Mutex mutex_;
  std::map<std::string, Task> tasks_ SHOAL_GUARDED_BY(mutex_);
  std::map<int64_t, Round> rounds_ SHOAL_GUARDED_BY(mutex_);
  std::map<Digest, Model> models_ SHOAL_GUARDED_BY(mutex_);
  int64_t last_segment_ SHOAL_GUARDED_BY(mutex_) = 0;
  MemoryDevices devices_ SHOAL_GUARDED_BY(mutex_);
  MemoryLedger ledger_ SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_MEMORY_TABLES_H_
