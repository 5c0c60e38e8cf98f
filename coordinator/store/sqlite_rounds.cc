#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "coordinator/store/sqlite_forgetting.h"
#include "coordinator/store/sqlite_ledger.h"
#include "coordinator/store/sqlite_models.h"
#include "coordinator/store/sqlite_rows.h"
#include "coordinator/store/sqlite_tables.h"
#include "coordinator/store/store_rules.h"

namespace shoal::coordinator {
namespace {

// A round, for a leader who may change it.
absl::StatusOr<RoundRow> LoadLedRound(SqliteDatabase& db, const Lease& lease,
                                      int64_t id) {
  SHOAL_ASSIGN_OR_RETURN(RoundRow round, LoadRound(db, id));
  SHOAL_ASSIGN_OR_RETURN(const std::optional<HeldLease> held,
                         LoadLease(db, round.task));
  SHOAL_RETURN_IF_ERROR(CheckLease(lease, round.task, held));
  return round;
}

// The task has committed this version, with these contributors; those that have
// been forgotten leave no trace.
absl::Status RecordParticipation(SqliteDatabase& db, const TaskRow& task,
                                 int64_t version,
                                 absl::Span<const ContributionRow> rows) {
  SHOAL_RETURN_IF_ERROR(
      db.Run("INSERT INTO populations (name, committed_rounds) VALUES (?, 1) "
             "ON CONFLICT (name) DO UPDATE SET "
             "committed_rounds = committed_rounds + 1",
             task.population));
  for (const ContributionRow& row : rows) {
    SHOAL_ASSIGN_OR_RETURN(const bool forgotten,
                           LoadForgotten(db, row.device_id));
    if (forgotten) continue;
    SHOAL_RETURN_IF_ERROR(
        db.Run("INSERT INTO participations (population, device, "
               "last_contribution) SELECT name, ?, committed_rounds "
               "FROM populations WHERE name = ? "
               "ON CONFLICT (population, device) DO UPDATE SET "
               "last_contribution = excluded.last_contribution",
               row.device_id, task.population));
    if (!task.privacy_budget.empty()) {
      SHOAL_RETURN_IF_ERROR(
          db.Run("INSERT INTO task_participations (task, device, last_version) "
                 "VALUES (?, ?, ?) ON CONFLICT (task, device) DO UPDATE SET "
                 "last_version = excluded.last_version",
                 task.name, row.device_id, version));
    }
    SHOAL_RETURN_IF_ERROR(
        db.Run("INSERT INTO devices (id, contributions) VALUES (?, 1) "
               "ON CONFLICT (id) DO UPDATE SET "
               "contributions = contributions + 1",
               row.device_id));
  }
  return absl::OkStatus();
}

// What only a round that is not over needs, but for its sums.
absl::Status DeleteRowsOf(SqliteDatabase& db, int64_t round_id) {
  SHOAL_RETURN_IF_ERROR(DeleteWithdrawn(db, round_id));
  return DeleteGroupRows(db, round_id);
}

absl::Status StoreOptimizerState(SqliteDatabase& db, const std::string& task,
                                 absl::string_view state) {
  return db.Run(
      "INSERT INTO optimizer_states (task, state) VALUES (?, ?) "
      "ON CONFLICT (task) DO UPDATE SET state = excluded.state",
      task, Blob{state});
}

}  // namespace

absl::StatusOr<RoundRow> SqliteStore::OpenRound(const Lease& lease,
                                                const NewRound& round) {
  RoundRow row = MakeRound(round);
  SHOAL_RETURN_IF_ERROR(
      Write(Durability::kAtOnce, [&](SqliteDatabase& db) -> absl::Status {
        SHOAL_ASSIGN_OR_RETURN(const TaskRow task, LoadTask(db, round.task));
        SHOAL_ASSIGN_OR_RETURN(const std::optional<HeldLease> held,
                               LoadLease(db, round.task));
        SHOAL_RETURN_IF_ERROR(CheckLease(lease, round.task, held));
        SHOAL_ASSIGN_OR_RETURN(const std::optional<RoundRow> unfinished,
                               LoadUnfinishedRound(db, round.task));
        SHOAL_RETURN_IF_ERROR(CheckOpenRound(task, unfinished, round));
        if (!round.mechanism_state.empty()) {
          SHOAL_RETURN_IF_ERROR(
              StoreMechanismState(db, task.name, round.mechanism_state));
        }
        return InsertRound(db, row);
      }));
  return row;
}

absl::StatusOr<RoundRow> SqliteStore::GetRound(int64_t id) {
  return Read([&](SqliteDatabase& db) { return LoadRound(db, id); });
}

absl::StatusOr<std::vector<RoundRow>> SqliteStore::ListRounds(
    const std::string& task, int limit, int64_t before_id) {
  return Read([&](SqliteDatabase& db) {
    return LoadRounds(db, task, limit, before_id);
  });
}

absl::StatusOr<std::optional<RoundRow>> SqliteStore::GetUnfinishedRound(
    const std::string& task) {
  return Read(
      [&](SqliteDatabase& db) { return LoadUnfinishedRound(db, task); });
}

absl::StatusOr<RoundRow> SqliteStore::SealRound(
    const Lease& lease, int64_t id, int min_reports,
    const std::optional<NewCharge>& charge, absl::Time now) {
  RoundRow round;
  bool is_private = false;
  MutexLock lock(write_mutex_);
  RestoreGuard& guard = *guard_;
  const auto seal = [&](SqliteDatabase& db) -> absl::Status {
    SHOAL_ASSIGN_OR_RETURN(round, LoadLedRound(db, lease, id));
    SHOAL_RETURN_IF_ERROR(CheckSealable(round, min_reports));
    SHOAL_ASSIGN_OR_RETURN(const TaskRow task, LoadTask(db, round.task));
    LedgerEntry entry = LedgerSeal{task.name, id};
    if (charge.has_value()) {
      SHOAL_ASSIGN_OR_RETURN(entry, Charge(db, task, id, *charge, now));
    }
    SHOAL_ASSIGN_OR_RETURN(const std::vector<ContributionRow> rows,
                           LoadContributions(db, id));
    const RoundState from = std::exchange(round.state, RoundState::kSealed);
    round.contributors = ContributorsDigest(rows);
    SHOAL_RETURN_IF_ERROR(UpdateRound(db, round, from));
    is_private = !task.privacy_budget.empty();
    return is_private ? guard.PrepareSeal(db, entry) : absl::OkStatus();
  };
  SHOAL_RETURN_IF_ERROR(WriteLocked(Durability::kAtOnce, seal));
  if (is_private) {
    guard.Sealed();
    SHOAL_RETURN_IF_ERROR(CatchUpLog());
  }
  return round;
}

absl::Status SqliteStore::RevealRound(const Lease& lease, int64_t id,
                                      absl::Time now) {
  return Write(Durability::kAtOnce, [&](SqliteDatabase& db) -> absl::Status {
    SHOAL_ASSIGN_OR_RETURN(RoundRow round, LoadLedRound(db, lease, id));
    SHOAL_RETURN_IF_ERROR(CheckRevealable(round));
    const RoundState from = std::exchange(round.state, RoundState::kRevealed);
    return UpdateRound(db, round, from);
  });
}

absl::Status SqliteStore::CommitRound(const Lease& lease,
                                      const RoundResult& result,
                                      absl::string_view model_bytes,
                                      absl::Time now) {
  MutexLock lock(write_mutex_);
  RestoreGuard& guard = *guard_;
  const auto commit = [&](SqliteDatabase& db) -> absl::Status {
    SHOAL_ASSIGN_OR_RETURN(RoundRow round,
                           LoadLedRound(db, lease, result.round_id));
    SHOAL_RETURN_IF_ERROR(CheckCommittable(round));
    SHOAL_ASSIGN_OR_RETURN(TaskRow task, LoadTask(db, round.task));
    SHOAL_RETURN_IF_ERROR(CheckRoundResult(round, task, result));
    SHOAL_RETURN_IF_ERROR(CheckModelBytes(result.model, model_bytes));
    SHOAL_ASSIGN_OR_RETURN(const std::vector<ContributionRow> rows,
                           LoadContributions(db, round.id));
    const RoundState round_from = round.state;
    const TaskState task_from = task.state;
    MarkCommitted(round, task, result, now);
    SHOAL_RETURN_IF_ERROR(InsertModel(db, result.model, model_bytes));
    SHOAL_RETURN_IF_ERROR(
        StoreOptimizerState(db, task.name, result.optimizer_state));
    SHOAL_RETURN_IF_ERROR(UpdateRound(db, round, round_from));
    SHOAL_RETURN_IF_ERROR(UpdateTask(db, task, task_from));
    SHOAL_RETURN_IF_ERROR(RecordParticipation(db, task, round.number, rows));
    SHOAL_RETURN_IF_ERROR(DeleteRowsOf(db, round.id));
    SHOAL_RETURN_IF_ERROR(DeleteSegments(db, round.id));
    if (task.privacy_budget.empty()) return absl::OkStatus();
    SHOAL_RETURN_IF_ERROR(
        StoreMechanismState(db, task.name, result.mechanism_state));
    return guard.Release(db, {task.name, round.id, result.model.digest});
  };
  return WriteLocked(Durability::kAtOnce, commit);
}

absl::Status SqliteStore::FailRound(const Lease& lease, int64_t id,
                                    const std::string& failure,
                                    absl::Time now) {
  MutexLock lock(write_mutex_);
  RestoreGuard& guard = *guard_;
  const auto fail = [&](SqliteDatabase& db) -> absl::Status {
    SHOAL_ASSIGN_OR_RETURN(RoundRow round, LoadLedRound(db, lease, id));
    SHOAL_RETURN_IF_ERROR(CheckUnfinished(round));
    SHOAL_ASSIGN_OR_RETURN(TaskRow task, LoadTask(db, round.task));
    const RoundState from = round.state;
    MarkFailed(round, task, failure, now);
    SHOAL_RETURN_IF_ERROR(UpdateRound(db, round, from));
    SHOAL_RETURN_IF_ERROR(UpdateTask(db, task, task.state));
    SHOAL_RETURN_IF_ERROR(guard.GiveUp(db, round));
    SHOAL_RETURN_IF_ERROR(DeleteRowsOf(db, id));
    return KeepsSegments(task, failure) ? absl::OkStatus()
                                        : DeleteSegments(db, id);
  };
  return WriteLocked(Durability::kAtOnce, fail);
}

}  // namespace shoal::coordinator
