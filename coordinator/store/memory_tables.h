// The memory store's class: its tables are maps of rows. One mutex guards
// everything, because no method waits for anything else.
#ifndef SHOAL_COORDINATOR_STORE_MEMORY_TABLES_H_
#define SHOAL_COORDINATOR_STORE_MEMORY_TABLES_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "coordinator/engine/round_store.h"
#include "coordinator/store/memory_devices.h"
#include "coordinator/store/store_rules.h"

namespace shoal::coordinator {

// Thread-safe. memory_tasks.cc has what concerns tasks, models and leases,
// memory_rounds.cc what concerns rounds.
class MemoryStore final : public RoundStore {
 public:
  std::string Describe() const override { return "memory"; }

  absl::StatusOr<Lease> AcquireLease(const std::string& task,
                                     const std::string& holder, absl::Time now,
                                     absl::Duration duration) override;
  absl::Status CreateTask(const TaskRow& task, const ModelRow& model,
                          absl::string_view model_bytes) override;
  absl::StatusOr<TaskRow> GetTask(const std::string& name) override;
  absl::StatusOr<std::vector<TaskRow>> ListTasks() override;
  absl::Status SetTaskState(const std::string& name, TaskState state,
                            const std::string& note, absl::Time now) override;
  absl::StatusOr<ModelRow> GetModel(const Digest& digest) override;
  absl::StatusOr<std::vector<ModelRow>> ListModels(const std::string& task,
                                                   int limit) override;
  absl::StatusOr<std::string> ReadModel(const Digest& digest, int64_t offset,
                                        int64_t size) override;

  absl::StatusOr<RoundRow> OpenRound(const Lease& lease,
                                     const NewRound& round) override;
  absl::StatusOr<RoundRow> GetRound(int64_t id) override;
  absl::StatusOr<std::vector<RoundRow>> ListRounds(const std::string& task,
                                                   int limit,
                                                   int64_t before_id) override;
  absl::StatusOr<std::optional<RoundRow>> GetUnfinishedRound(
      const std::string& task) override;
  absl::Status RecordAssignment(int64_t round_id, const std::string& device_id,
                                absl::Time now, absl::Time deadline) override;
  absl::Status RecordOutcome(int64_t round_id, const std::string& device_id,
                             const std::string& outcome) override;
  absl::StatusOr<std::vector<AssignmentRow>> ListAssignments(
      int64_t round_id) override;
  absl::StatusOr<SegmentResult> CommitSegment(
      const NewSegment& segment,
      absl::Span<const ContributionRow> contributions) override;
  absl::StatusOr<std::optional<ContributionRow>> GetContribution(
      int64_t round_id, const std::string& device_id) override;
  absl::StatusOr<std::vector<ContributionRow>> ListContributions(
      int64_t round_id) override;
  absl::StatusOr<std::vector<SegmentRow>> ReadSegments(
      int64_t round_id) override;
  absl::StatusOr<RoundRow> SealRound(const Lease& lease, int64_t id,
                                     int min_reports, absl::Time now) override;
  absl::Status RevealRound(const Lease& lease, int64_t id,
                           absl::Time now) override;
  absl::Status CommitRound(const Lease& lease, const RoundResult& result,
                           absl::string_view model_bytes,
                           absl::Time now) override;
  absl::Status FailRound(const Lease& lease, int64_t id,
                         const std::string& failure, absl::Time now) override;
  absl::StatusOr<std::string> GetOptimizerState(
      const std::string& task) override;

  absl::Status UpsertDevice(const DeviceRow& device) override {
    MutexLock lock(mutex_);
    devices_.UpsertDevice(device);
    return absl::OkStatus();
  }
  absl::Status TouchDevice(const DeviceSighting& sighting) override {
    MutexLock lock(mutex_);
    devices_.TouchDevice(sighting);
    return absl::OkStatus();
  }
  absl::StatusOr<DeviceRow> GetDevice(const std::string& id) override {
    MutexLock lock(mutex_);
    return devices_.GetDevice(id);
  }
  absl::StatusOr<DeviceRow> FindDevice(const std::string& text) override {
    MutexLock lock(mutex_);
    return devices_.FindDevice(text);
  }
  absl::StatusOr<std::vector<DeviceRow>> ListDevices(
      int limit, const std::string& after_id) override {
    MutexLock lock(mutex_);
    return devices_.ListDevices(limit, after_id);
  }
  absl::StatusOr<int64_t> CountDevices(absl::Time seen_since) override {
    MutexLock lock(mutex_);
    return devices_.CountDevices(seen_since);
  }
  absl::StatusOr<Participation> GetParticipation(
      const std::string& population, const std::string& device_id) override {
    MutexLock lock(mutex_);
    return devices_.GetParticipation(population, device_id);
  }
  absl::Status CreateInvitation(const InvitationRow& row) override {
    MutexLock lock(mutex_);
    return devices_.CreateInvitation(row);
  }
  absl::Status UseInvitation(const Digest& token_hash,
                             absl::Time now) override {
    MutexLock lock(mutex_);
    return devices_.UseInvitation(token_hash, now);
  }
  absl::StatusOr<std::vector<TokenKeyRow>> ListTokenKeys() override {
    MutexLock lock(mutex_);
    return devices_.ListTokenKeys();
  }
  absl::Status AddTokenKey(const TokenKeyRow& row) override {
    MutexLock lock(mutex_);
    return devices_.AddTokenKey(row);
  }
  absl::Status DeleteTokenKeysBefore(int64_t id) override {
    MutexLock lock(mutex_);
    devices_.DeleteTokenKeysBefore(id);
    return absl::OkStatus();
  }

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
    std::map<std::string, AssignmentRow> assignments;      // by device id
    std::map<std::string, ContributionRow> contributions;  // by device id
    std::vector<SegmentRow> segments;
  };
  struct Model {
    ModelRow row;  // of the first version with these bytes
    std::string bytes;
  };

  absl::StatusOr<Task*> FindTask(const std::string& name)
      SHOAL_REQUIRES(mutex_);
  absl::StatusOr<Round*> FindRound(int64_t id) SHOAL_REQUIRES(mutex_);
  Round* UnfinishedRound(const Task& task) SHOAL_REQUIRES(mutex_);
  std::optional<RoundRow> UnfinishedRow(const Task& task)
      SHOAL_REQUIRES(mutex_);

  // A round and its task, for a leader who may change them.
  struct Led {
    Task* task;
    Round* round;
  };
  absl::StatusOr<Led> FindLed(const Lease& lease, int64_t round_id)
      SHOAL_REQUIRES(mutex_);

  Mutex mutex_;
  std::map<std::string, Task> tasks_ SHOAL_GUARDED_BY(mutex_);
  std::map<int64_t, Round> rounds_ SHOAL_GUARDED_BY(mutex_);
  std::map<Digest, Model> models_ SHOAL_GUARDED_BY(mutex_);
  int64_t last_segment_ SHOAL_GUARDED_BY(mutex_) = 0;
  MemoryDevices devices_ SHOAL_GUARDED_BY(mutex_);
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_MEMORY_TABLES_H_
