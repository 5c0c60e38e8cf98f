// A store that is opened before and closed after every single call: what a
// method has written must be on the disk.
#ifndef SHOAL_TESTS_COORDINATOR_STORE_REOPENING_STORE_H_
#define SHOAL_TESTS_COORDINATOR_STORE_REOPENING_STORE_H_

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "coordinator/engine/round_store.h"
#include "coordinator/store/sqlite_store.h"

namespace shoal::coordinator {

class ReopeningStore final : public RoundStore {
 public:
  explicit ReopeningStore(std::string path) : path_(std::move(path)) {}

  std::string Describe() const override { return Open()->Describe(); }
  absl::StatusOr<Lease> AcquireLease(const std::string& task,
                                     const std::string& holder, absl::Time now,
                                     absl::Duration duration) override {
    return Open()->AcquireLease(task, holder, now, duration);
  }
  absl::Status CreateTask(const TaskRow& task, const ModelRow& model,
                          absl::string_view model_bytes) override {
    return Open()->CreateTask(task, model, model_bytes);
  }
  absl::StatusOr<TaskRow> GetTask(const std::string& name) override {
    return Open()->GetTask(name);
  }
  absl::StatusOr<std::vector<TaskRow>> ListTasks() override {
    return Open()->ListTasks();
  }
  absl::Status SetTaskState(const std::string& name, TaskState state,
                            const std::string& note, absl::Time now) override {
    return Open()->SetTaskState(name, state, note, now);
  }
  absl::StatusOr<ModelRow> GetModel(const Digest& digest) override {
    return Open()->GetModel(digest);
  }
  absl::StatusOr<std::vector<ModelRow>> ListModels(const std::string& task,
                                                   int limit) override {
    return Open()->ListModels(task, limit);
  }
  absl::StatusOr<std::string> ReadModel(const Digest& digest, int64_t offset,
                                        int64_t size) override {
    return Open()->ReadModel(digest, offset, size);
  }
  absl::StatusOr<RoundRow> OpenRound(const Lease& lease,
                                     const NewRound& round) override {
    return Open()->OpenRound(lease, round);
  }
  absl::StatusOr<RoundRow> GetRound(int64_t id) override {
    return Open()->GetRound(id);
  }
  absl::StatusOr<std::vector<RoundRow>> ListRounds(const std::string& task,
                                                   int limit,
                                                   int64_t before_id) override {
    return Open()->ListRounds(task, limit, before_id);
  }
  absl::StatusOr<std::optional<RoundRow>> GetUnfinishedRound(
      const std::string& task) override {
    return Open()->GetUnfinishedRound(task);
  }
  absl::Status RecordAssignment(int64_t round_id, const std::string& device_id,
                                absl::Time now, absl::Time deadline) override {
    return Open()->RecordAssignment(round_id, device_id, now, deadline);
  }
  absl::Status RecordOutcome(int64_t round_id, const std::string& device_id,
                             const std::string& outcome) override {
    return Open()->RecordOutcome(round_id, device_id, outcome);
  }
  absl::StatusOr<std::vector<AssignmentRow>> ListAssignments(
      int64_t round_id) override {
    return Open()->ListAssignments(round_id);
  }
  absl::StatusOr<SegmentResult> CommitSegment(
      const NewSegment& segment,
      absl::Span<const ContributionRow> contributions) override {
    return Open()->CommitSegment(segment, contributions);
  }
  absl::StatusOr<std::optional<ContributionRow>> GetContribution(
      int64_t round_id, const std::string& device_id) override {
    return Open()->GetContribution(round_id, device_id);
  }
  absl::StatusOr<std::vector<ContributionRow>> ListContributions(
      int64_t round_id) override {
    return Open()->ListContributions(round_id);
  }
  absl::StatusOr<std::vector<SegmentRow>> ReadSegments(
      int64_t round_id) override {
    return Open()->ReadSegments(round_id);
  }
  absl::Status AppendGroupRows(const NewGroupRows& rows) override {
    return Open()->AppendGroupRows(rows);
  }
  absl::Status BurnGroup(const NewGroupRows& rows) override {
    return Open()->BurnGroup(rows);
  }
  absl::StatusOr<std::vector<GroupRow>> ReadGroupRows(
      int64_t round_id) override {
    return Open()->ReadGroupRows(round_id);
  }
  absl::StatusOr<RoundRow> SealRound(const Lease& lease, int64_t id,
                                     int min_reports,
                                     const std::optional<NewCharge>& charge,
                                     absl::Time now) override {
    return Open()->SealRound(lease, id, min_reports, charge, now);
  }
  absl::Status RevealRound(const Lease& lease, int64_t id,
                           absl::Time now) override {
    return Open()->RevealRound(lease, id, now);
  }
  absl::Status CommitRound(const Lease& lease, const RoundResult& result,
                           absl::string_view model_bytes,
                           absl::Time now) override {
    return Open()->CommitRound(lease, result, model_bytes, now);
  }
  absl::Status FailRound(const Lease& lease, int64_t id,
                         const std::string& failure, absl::Time now) override {
    return Open()->FailRound(lease, id, failure, now);
  }
  absl::StatusOr<std::string> GetOptimizerState(
      const std::string& task) override {
    return Open()->GetOptimizerState(task);
  }
  absl::StatusOr<std::string> GetPrivacyBudget(
      const std::string& population) override {
    return Open()->GetPrivacyBudget(population);
  }
  absl::StatusOr<std::vector<ChargeRow>> ListCharges(
      const std::string& population) override {
    return Open()->ListCharges(population);
  }
  absl::StatusOr<Secret> GetMechanismState(const std::string& task) override {
    return Open()->GetMechanismState(task);
  }
  absl::Status UpsertDevice(const DeviceRow& device) override {
    return Open()->UpsertDevice(device);
  }
  absl::Status TouchDevice(const DeviceSighting& sighting) override {
    return Open()->TouchDevice(sighting);
  }
  absl::StatusOr<DeviceRow> GetDevice(const std::string& id) override {
    return Open()->GetDevice(id);
  }
  absl::StatusOr<DeviceRow> FindDevice(const std::string& text) override {
    return Open()->FindDevice(text);
  }
  absl::StatusOr<std::vector<DeviceRow>> ListDevices(
      int limit, const std::string& after_id) override {
    return Open()->ListDevices(limit, after_id);
  }
  absl::StatusOr<int64_t> CountDevices(absl::Time seen_since) override {
    return Open()->CountDevices(seen_since);
  }
  absl::StatusOr<Participation> GetParticipation(
      const std::string& population, const std::string& task,
      const std::string& device_id) override {
    return Open()->GetParticipation(population, task, device_id);
  }
  absl::Status RecordFault(const FaultRow& fault) override {
    return Open()->RecordFault(fault);
  }
  absl::StatusOr<std::vector<FaultRow>> ListFaults(const std::string& device_id,
                                                   int64_t round_id,
                                                   int limit) override {
    return Open()->ListFaults(device_id, round_id, limit);
  }
  absl::Status ForgetDevice(const std::string& device_id) override {
    return Open()->ForgetDevice(device_id);
  }
  absl::StatusOr<bool> IsForgotten(const std::string& device_id) override {
    return Open()->IsForgotten(device_id);
  }
  absl::StatusOr<std::vector<OpenAssignmentRow>> ListOpenAssignments(
      const std::string& task, int64_t min_number, absl::Time since) override {
    return Open()->ListOpenAssignments(task, min_number, since);
  }
  absl::StatusOr<RoundSnapshot> ReadRound(int64_t round_id) override {
    return Open()->ReadRound(round_id);
  }
  absl::Status CreateInvitation(const InvitationRow& row) override {
    return Open()->CreateInvitation(row);
  }
  absl::Status UseInvitation(const Digest& token_hash,
                             const std::string& device_id,
                             absl::Time now) override {
    return Open()->UseInvitation(token_hash, device_id, now);
  }
  absl::StatusOr<std::vector<TokenKeyRow>> ListTokenKeys() override {
    return Open()->ListTokenKeys();
  }
  absl::Status AddTokenKey(const TokenKeyRow& row) override {
    return Open()->AddTokenKey(row);
  }
  absl::Status DeleteTokenKeysBefore(int64_t id) override {
    return Open()->DeleteTokenKeysBefore(id);
  }

 private:
  std::unique_ptr<RoundStore> Open() const {
    absl::StatusOr<std::unique_ptr<RoundStore>> store = OpenSqliteStore(path_);
    SHOAL_CHECK(store.ok());
    return *std::move(store);
  }

  const std::string path_;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_TESTS_COORDINATOR_STORE_REOPENING_STORE_H_
