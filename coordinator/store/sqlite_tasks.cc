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

// That of the task's population: it has the task's from here on.
absl::Status SettlePrivacyBudget(SqliteDatabase& db, const TaskRow& task) {
  SHOAL_ASSIGN_OR_RETURN(const std::string budget,
                         LoadPrivacyBudget(db, task.population));
  SHOAL_ASSIGN_OR_RETURN(const std::vector<TaskRow> others, LoadTasks(db));
  SHOAL_RETURN_IF_ERROR(CheckPrivacyBudget(task, budget, others));
  if (task.privacy_budget.empty()) return absl::OkStatus();
  return InsertPrivacyBudget(db, task.population, task.privacy_budget);
}

}  // namespace

absl::StatusOr<Lease> SqliteStore::AcquireLease(const std::string& task,
                                                const std::string& holder,
                                                absl::Time now,
                                                absl::Duration duration) {
  Lease lease{task, holder, 0};
  SHOAL_RETURN_IF_ERROR(
      Write(Durability::kAtOnce, [&](SqliteDatabase& db) -> absl::Status {
        SHOAL_RETURN_IF_ERROR(LoadTask(db, task).status());
        SHOAL_ASSIGN_OR_RETURN(const std::optional<HeldLease> held,
                               LoadLease(db, task));
        SHOAL_ASSIGN_OR_RETURN(const HeldLease next,
                               NextLease(task, held, holder, now, duration));
        lease.epoch = next.epoch;
        return db.Run(
            "INSERT INTO leases (task, holder, epoch, expires) "
            "VALUES (?, ?, ?, ?) ON CONFLICT (task) DO UPDATE SET "
            "holder = excluded.holder, epoch = excluded.epoch, "
            "expires = excluded.expires",
            task, next.holder, next.epoch, next.expires);
      }));
  return lease;
}

absl::Status SqliteStore::CreateTask(const TaskRow& task, const ModelRow& model,
                                     absl::string_view model_bytes) {
  SHOAL_RETURN_IF_ERROR(CheckNewTask(task, model));
  SHOAL_RETURN_IF_ERROR(CheckModelBytes(model, model_bytes));
  return Write(Durability::kAtOnce, [&](SqliteDatabase& db) -> absl::Status {
    const absl::Status found = LoadTask(db, task.name).status();
    if (found.ok()) return TaskExists(task.name);
    if (!absl::IsNotFound(found)) return found;
    SHOAL_RETURN_IF_ERROR(SettlePrivacyBudget(db, task));
    SHOAL_RETURN_IF_ERROR(InsertTask(db, task));
    return InsertModel(db, model, model_bytes);
  });
}

absl::StatusOr<TaskRow> SqliteStore::GetTask(const std::string& name) {
  return Read([&](SqliteDatabase& db) { return LoadTask(db, name); });
}

absl::StatusOr<std::vector<TaskRow>> SqliteStore::ListTasks() {
  return Read([&](SqliteDatabase& db) { return LoadTasks(db); });
}

absl::Status SqliteStore::SetTaskState(const std::string& name, TaskState state,
                                       const std::string& note,
                                       absl::Time now) {
  return Write(Durability::kAtOnce, [&](SqliteDatabase& db) -> absl::Status {
    SHOAL_ASSIGN_OR_RETURN(TaskRow task, LoadTask(db, name));
    SHOAL_ASSIGN_OR_RETURN(std::optional<RoundRow> round,
                           LoadUnfinishedRound(db, name));
    SHOAL_RETURN_IF_ERROR(CheckTaskState(task, round, state));
    if (state == TaskState::kStopped && round.has_value()) {
      const RoundState from = round->state;
      MarkStopped(*round, task, now);
      SHOAL_RETURN_IF_ERROR(UpdateRound(db, *round, from));
      SHOAL_RETURN_IF_ERROR(DeleteWithdrawn(db, round->id));
      SHOAL_RETURN_IF_ERROR(DeleteGroupRows(db, round->id));
      SHOAL_RETURN_IF_ERROR(DeleteSegments(db, round->id));
    }
    const TaskState from = std::exchange(task.state, state);
    task.note = note;
    task.updated = now;
    return UpdateTask(db, task, from);
  });
}

absl::StatusOr<ModelRow> SqliteStore::GetModel(const Digest& digest) {
  return Read([&](SqliteDatabase& db) { return LoadModel(db, digest); });
}

absl::StatusOr<std::vector<ModelRow>> SqliteStore::ListModels(
    const std::string& task, int limit) {
  return Read([&](SqliteDatabase& db) { return LoadModels(db, task, limit); });
}

absl::StatusOr<std::string> SqliteStore::ReadModel(const Digest& digest,
                                                   int64_t offset,
                                                   int64_t size) {
  return Read([&](SqliteDatabase& db) {
    return ReadModelBytes(db, digest, offset, size);
  });
}

absl::StatusOr<std::string> SqliteStore::GetOptimizerState(
    const std::string& task) {
  return Read([&](SqliteDatabase& db) -> absl::StatusOr<std::string> {
    SHOAL_RETURN_IF_ERROR(LoadTask(db, task).status());
    std::string state;
    SqliteQuery query =
        db.Query("SELECT state FROM optimizer_states WHERE task = ?", task);
    while (query.Next()) query.Read(state);
    SHOAL_RETURN_IF_ERROR(query.status());
    return state;
  });
}

absl::StatusOr<std::string> SqliteStore::GetPrivacyBudget(
    const std::string& population) {
  return Read(
      [&](SqliteDatabase& db) { return LoadPrivacyBudget(db, population); });
}

absl::StatusOr<std::vector<ChargeRow>> SqliteStore::ListCharges(
    const std::string& population) {
  return Read([&](SqliteDatabase& db) { return LoadCharges(db, population); });
}

absl::StatusOr<Secret> SqliteStore::GetMechanismState(const std::string& task) {
  return Read([&](SqliteDatabase& db) -> absl::StatusOr<Secret> {
    SHOAL_RETURN_IF_ERROR(LoadTask(db, task).status());
    return LoadMechanismState(db, task);
  });
}

}  // namespace shoal::coordinator
