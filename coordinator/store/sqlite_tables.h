// The SQLite store's class. sqlite_store.cc opens it and lends connections;
// sqlite_tasks.cc, sqlite_rounds.cc, sqlite_reports.cc and sqlite_devices.cc
// hold its methods by topic.
#ifndef SHOAL_COORDINATOR_STORE_SQLITE_TABLES_H_
#define SHOAL_COORDINATOR_STORE_SQLITE_TABLES_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/functional/function_ref.h"
#include "base/mutex.h"
#include "coordinator/engine/round_store.h"
#include "coordinator/store/file_lock.h"
#include "coordinator/store/sqlite_database.h"

namespace shoal::coordinator {

// Thread-safe: one connection writes, behind a mutex; others read beside it,
// each seeing the last committed state.
class SqliteStore final : public RoundStore {
 public:
  static absl::StatusOr<std::unique_ptr<RoundStore>> Open(
      const std::string& path);
  ~SqliteStore() override;

  std::string Describe() const override;

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

  absl::Status UpsertDevice(const DeviceRow& device) override;
  absl::Status TouchDevice(const DeviceSighting& sighting) override;
  absl::StatusOr<DeviceRow> GetDevice(const std::string& id) override;
  absl::StatusOr<DeviceRow> FindDevice(const std::string& text) override;
  absl::StatusOr<std::vector<DeviceRow>> ListDevices(
      int limit, const std::string& after_id) override;
  absl::StatusOr<int64_t> CountDevices(absl::Time seen_since) override;
  absl::StatusOr<Participation> GetParticipation(
      const std::string& population, const std::string& device_id) override;
  absl::Status CreateInvitation(const InvitationRow& row) override;
  absl::Status UseInvitation(const Digest& token_hash, absl::Time now) override;
  absl::StatusOr<std::vector<TokenKeyRow>> ListTokenKeys() override;
  absl::Status AddTokenKey(const TokenKeyRow& row) override;
  absl::Status DeleteTokenKeysBefore(int64_t id) override;

 private:
  // By device id.
  using Sightings = absl::flat_hash_map<std::string, DeviceSighting>;

  SqliteStore(std::string path, std::unique_ptr<FileLock> lock,
              std::unique_ptr<SqliteDatabase> writer,
              std::vector<std::unique_ptr<SqliteDatabase>> readers);

  // Runs `body` in one transaction of the writing connection, after the
  // sightings that wait.
  absl::Status Write(Durability durability,
                     absl::FunctionRef<absl::Status(SqliteDatabase&)> body)
      SHOAL_EXCLUDES(write_mutex_, sightings_mutex_);
  // Writes the sightings that wait, if there are any.
  absl::Status FlushSightings() SHOAL_EXCLUDES(write_mutex_, sightings_mutex_);
  absl::Status WriteLocked(
      Durability durability,
      absl::FunctionRef<absl::Status(SqliteDatabase&)> body)
      SHOAL_REQUIRES(write_mutex_) SHOAL_EXCLUDES(sightings_mutex_);

  // Runs `body` on a reading connection; waits while all are lent.
  template <typename Body>
  auto Read(Body body) SHOAL_EXCLUDES(readers_mutex_) {
    std::unique_ptr<SqliteDatabase> reader = BorrowReader();
    auto result = body(*reader);
    ReturnReader(std::move(reader));
    return result;
  }
  std::unique_ptr<SqliteDatabase> BorrowReader() SHOAL_EXCLUDES(readers_mutex_);
  void ReturnReader(std::unique_ptr<SqliteDatabase> reader)
      SHOAL_EXCLUDES(readers_mutex_);

  const std::string path_;
  const std::unique_ptr<FileLock> lock_;

  Mutex write_mutex_;
  const std::unique_ptr<SqliteDatabase> writer_ SHOAL_GUARDED_BY(write_mutex_);

  Mutex readers_mutex_;
  CondVar reader_returned_;
  std::vector<std::unique_ptr<SqliteDatabase>> idle_readers_
      SHOAL_GUARDED_BY(readers_mutex_);

  // Locked after write_mutex_, never the other way round.
  Mutex sightings_mutex_;
  Sightings sightings_ SHOAL_GUARDED_BY(sightings_mutex_);
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_SQLITE_TABLES_H_
