#include "coordinator/store/sqlite_rows.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace shoal::coordinator {
namespace {

constexpr absl::string_view kSelectTask =
    "SELECT name, population, definition, state, rounds, rounds_committed, "
    "rounds_failed, rounds_failed_in_a_row, current_model, created, updated, "
    "note, privacy_budget FROM tasks ";

constexpr absl::string_view kSelectRound =
    "SELECT id, task, number, state, failure, base_model, cohort, min_reports, "
    "max_assigned, norm_bound, assigned, accepted, opened, deadline, finished, "
    "contributors, committed_model, bytes_up, total_examples, train_loss, "
    "train_accuracy, median_norm, asynchronous FROM rounds ";

absl::StatusOr<std::vector<TaskRow>> ReadTasks(SqliteQuery query) {
  std::vector<TaskRow> rows;
  while (query.Next()) {
    TaskRow& row = rows.emplace_back();
    query.Read(row.name, row.population, row.definition, row.state, row.rounds,
               row.rounds_committed, row.rounds_failed,
               row.rounds_failed_in_a_row, row.current_model, row.created,
               row.updated, row.note, row.privacy_budget);
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  return rows;
}

absl::StatusOr<std::vector<RoundRow>> ReadRounds(SqliteQuery query) {
  std::vector<RoundRow> rows;
  while (query.Next()) {
    RoundRow& row = rows.emplace_back();
    query.Read(
        row.id, row.task, row.number, row.state, row.failure, row.base_model,
        row.cohort, row.min_reports, row.max_assigned, row.norm_bound,
        row.assigned, row.accepted, row.opened, row.deadline, row.finished,
        row.contributors, row.committed_model, row.bytes_up, row.total_examples,
        row.train_loss, row.train_accuracy, row.median_norm, row.asynchronous);
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  return rows;
}

// A conditional update inside BEGIN IMMEDIATE, after the state was read there,
// changes exactly its row.
absl::Status ExpectOneChange(const SqliteDatabase& db, absl::string_view what) {
  if (db.changes() == 1) return absl::OkStatus();
  return absl::InternalError(
      absl::StrCat(what, ": ", db.changes(), " rows changed, 1 was expected"));
}

}  // namespace

absl::StatusOr<std::vector<TaskRow>> LoadTasks(SqliteDatabase& db) {
  return ReadTasks(db.Query(absl::StrCat(kSelectTask, "ORDER BY name")));
}

absl::StatusOr<TaskRow> LoadTask(SqliteDatabase& db, absl::string_view name) {
  SHOAL_ASSIGN_OR_RETURN(
      std::vector<TaskRow> rows,
      ReadTasks(db.Query(absl::StrCat(kSelectTask, "WHERE name = ?"), name)));
  if (rows.empty()) return TaskNotFound(name);
  return std::move(rows.front());
}

absl::Status InsertTask(SqliteDatabase& db, const TaskRow& task) {
  return db.Run(
      "INSERT INTO tasks (name, population, definition, state, rounds, "
      "rounds_committed, rounds_failed, rounds_failed_in_a_row, "
      "current_model, created, updated, note, privacy_budget) "
      "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
      task.name, task.population, Blob{task.definition}, task.state,
      task.rounds, task.rounds_committed, task.rounds_failed,
      task.rounds_failed_in_a_row, task.current_model, task.created,
      task.updated, task.note, task.privacy_budget);
}

absl::Status UpdateTask(SqliteDatabase& db, const TaskRow& task,
                        TaskState from) {
  SHOAL_RETURN_IF_ERROR(db.Run(
      "UPDATE tasks SET state = ?, rounds_committed = ?, rounds_failed = ?, "
      "rounds_failed_in_a_row = ?, current_model = ?, updated = ?, note = ? "
      "WHERE name = ? AND state = ?",
      task.state, task.rounds_committed, task.rounds_failed,
      task.rounds_failed_in_a_row, task.current_model, task.updated, task.note,
      task.name, from));
  return ExpectOneChange(db, absl::StrCat("task '", task.name, "'"));
}

absl::StatusOr<std::optional<HeldLease>> LoadLease(SqliteDatabase& db,
                                                   absl::string_view task) {
  std::optional<HeldLease> lease;
  SqliteQuery query = db.Query(
      "SELECT holder, epoch, expires FROM leases WHERE task = ?", task);
  while (query.Next()) {
    lease.emplace();
    query.Read(lease->holder, lease->epoch, lease->expires);
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  return lease;
}

absl::StatusOr<RoundRow> LoadRound(SqliteDatabase& db, int64_t id) {
  SHOAL_ASSIGN_OR_RETURN(
      std::vector<RoundRow> rows,
      ReadRounds(db.Query(absl::StrCat(kSelectRound, "WHERE id = ?"), id)));
  if (rows.empty()) return RoundNotFound(id);
  return std::move(rows.front());
}

absl::StatusOr<std::optional<RoundRow>> LoadUnfinishedRound(
    SqliteDatabase& db, absl::string_view task) {
  SHOAL_ASSIGN_OR_RETURN(
      std::vector<RoundRow> rows,
      ReadRounds(db.Query(
          absl::StrCat(kSelectRound, "WHERE task = ? AND state < 5"), task)));
  if (rows.empty()) return std::nullopt;
  return std::move(rows.front());
}

absl::StatusOr<std::vector<RoundRow>> LoadRounds(SqliteDatabase& db,
                                                 absl::string_view task,
                                                 int limit, int64_t before_id) {
  std::optional<int64_t> bound;
  if (before_id != 0) bound = before_id;
  return ReadRounds(
      db.Query(absl::StrCat(kSelectRound,
                            "WHERE task = ?1 AND (?2 IS NULL OR id < ?2) "
                            "ORDER BY id DESC LIMIT max(?3, 0)"),
               task, bound, limit));
}

absl::Status InsertRound(SqliteDatabase& db, RoundRow& round) {
  SHOAL_RETURN_IF_ERROR(db.Run(
      "INSERT INTO rounds (task, number, state, failure, base_model, cohort, "
      "min_reports, max_assigned, norm_bound, assigned, accepted, opened, "
      "deadline, bytes_up, total_examples, median_norm, asynchronous) "
      "VALUES (?, ?, ?, '', ?, ?, ?, ?, ?, 0, 0, ?, ?, 0, 0, 0, ?)",
      round.task, round.number, round.state, round.base_model, round.cohort,
      round.min_reports, round.max_assigned, round.norm_bound, round.opened,
      round.deadline, round.asynchronous));
  round.id = db.last_insert_id();
  return absl::OkStatus();
}

absl::Status UpdateRound(SqliteDatabase& db, const RoundRow& round,
                         RoundState from) {
  SHOAL_RETURN_IF_ERROR(db.Run(
      "UPDATE rounds SET state = ?, failure = ?, assigned = ?, accepted = ?, "
      "deadline = ?, finished = ?, contributors = ?, committed_model = ?, "
      "bytes_up = ?, total_examples = ?, train_loss = ?, train_accuracy = ?, "
      "median_norm = ? WHERE id = ? AND state = ?",
      round.state, round.failure, round.assigned, round.accepted,
      round.deadline, round.finished, round.contributors, round.committed_model,
      round.bytes_up, round.total_examples, round.train_loss,
      round.train_accuracy, round.median_norm, round.id, from));
  return ExpectOneChange(db, absl::StrCat("round ", round.id));
}

absl::Status DeleteSegments(SqliteDatabase& db, int64_t round_id) {
  return db.Run("DELETE FROM segments WHERE round = ?", round_id);
}

absl::Status DeleteGroupRows(SqliteDatabase& db, int64_t round_id) {
  return db.Run("DELETE FROM group_rows WHERE round = ?", round_id);
}

absl::StatusOr<std::vector<ContributionRow>> LoadContributions(
    SqliteDatabase& db, int64_t round_id) {
  std::vector<ContributionRow> rows;
  SqliteQuery query = db.Query(
      "SELECT device, update_digest, segment, weight, norm, 0 AS earlier "
      "FROM contributions WHERE round = ?1 AND counted_in IS NULL UNION ALL "
      "SELECT device, update_digest, segment, weight, norm, round "
      "FROM contributions WHERE counted_in = ?1 ORDER BY device, earlier",
      round_id);
  while (query.Next()) {
    ContributionRow& row = rows.emplace_back();
    query.Read(row.device_id, row.update_digest, row.segment_id, row.weight,
               row.norm, row.earlier_round);
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  return rows;
}

}  // namespace shoal::coordinator
