// Assignments, contributions and segments: what devices add to a round.
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "coordinator/store/sqlite_forgetting.h"
#include "coordinator/store/sqlite_groups.h"
#include "coordinator/store/sqlite_rows.h"
#include "coordinator/store/sqlite_tables.h"
#include "coordinator/store/store_rules.h"

namespace shoal::coordinator {
namespace {

absl::StatusOr<std::optional<ContributionRow>> LoadContribution(
    SqliteDatabase& db, int64_t round_id, absl::string_view device_id) {
  std::optional<ContributionRow> row;
  SqliteQuery query = db.Query(
      "SELECT device, update_digest, segment, weight, norm, "
      "CASE WHEN counted_in IS NULL THEN 0 ELSE round END "
      "FROM contributions WHERE round = ? AND device = ?",
      round_id, device_id);
  while (query.Next()) {
    row.emplace();
    query.Read(row->device_id, row->update_digest, row->segment_id, row->weight,
               row->norm, row->earlier_round);
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  return row;
}

// The round of the assignment behind a contribution to the sum of a round.
int64_t AssignedIn(int64_t round_id, const ContributionRow& row) {
  return row.earlier_round == 0 ? round_id : row.earlier_round;
}

// The devices of the batch whose assignments are counted already, or that are
// forgotten.
absl::StatusOr<std::vector<std::string>> LoadDuplicates(
    SqliteDatabase& db, int64_t round_id,
    absl::Span<const ContributionRow> batch) {
  std::vector<std::string> duplicates;
  for (const ContributionRow& row : batch) {
    SHOAL_ASSIGN_OR_RETURN(
        const std::optional<ContributionRow> found,
        LoadContribution(db, AssignedIn(round_id, row), row.device_id));
    SHOAL_ASSIGN_OR_RETURN(const bool forgotten,
                           LoadForgotten(db, row.device_id));
    if (found.has_value() || forgotten) duplicates.push_back(row.device_id);
  }
  return duplicates;
}

absl::Status InsertContribution(SqliteDatabase& db, int64_t round_id,
                                int64_t segment_id,
                                const ContributionRow& row) {
  SHOAL_RETURN_IF_ERROR(db.Run(
      "INSERT INTO contributions (round, device, update_digest, "
      "segment, weight, norm, counted_in) VALUES (?, ?, ?, ?, ?, ?, ?)",
      AssignedIn(round_id, row), row.device_id, row.update_digest, segment_id,
      row.weight, row.norm,
      row.earlier_round == 0 ? std::nullopt : std::make_optional(round_id)));
  return db.Run(
      "UPDATE assignments SET outcome = ? WHERE round = ? AND device = ?",
      row.outcome, AssignedIn(round_id, row), row.device_id);
}

// What the members of a group have added to the round. A device that was
// forgotten since does not begin anew.
absl::Status DeleteContributionsOf(SqliteDatabase& db, RoundRow round,
                                   const Digest& session) {
  int contributions = 0;
  int64_t bytes_up = 0;
  {
    SqliteQuery query = db.Query(
        "SELECT (SELECT count(*) FROM contributions WHERE segment IN "
        "(SELECT id FROM segments WHERE round = ?1 AND session = ?2)), "
        "(SELECT coalesce(sum(bytes_up), 0) FROM segments "
        "WHERE round = ?1 AND session = ?2)",
        round.id, session);
    while (query.Next()) query.Read(contributions, bytes_up);
    SHOAL_RETURN_IF_ERROR(query.status());
  }
  MarkBurnt(round, contributions, bytes_up);
  SHOAL_RETURN_IF_ERROR(UpdateRound(db, round, round.state));
  SHOAL_RETURN_IF_ERROR(
      db.Run("UPDATE assignments SET outcome = iif(EXISTS (SELECT 1 FROM "
             "withdrawals WHERE withdrawals.round = ?1 AND "
             "withdrawals.device = assignments.device), ?3, '') "
             "WHERE round = ?1 AND device "
             "IN (SELECT device FROM contributions WHERE round = ?1 AND "
             "segment IN (SELECT id FROM segments WHERE round = ?1 AND "
             "session = ?2))",
             round.id, session, kWithdrawn));
  SHOAL_RETURN_IF_ERROR(
      db.Run("DELETE FROM contributions WHERE round = ?1 AND segment IN "
             "(SELECT id FROM segments WHERE round = ?1 AND session = ?2)",
             round.id, session));
  return db.Run("DELETE FROM segments WHERE round = ? AND session = ?",
                round.id, session);
}

// Adds the batch to a round that has room for it.
absl::StatusOr<SegmentResult> InsertSegment(
    SqliteDatabase& db, RoundRow round, const NewSegment& segment,
    absl::Span<const ContributionRow> batch) {
  SegmentResult result;
  SHOAL_RETURN_IF_ERROR(
      db.Run("INSERT INTO segments (round, replica, sum, session, bytes_up) "
             "VALUES (?, ?, ?, ?, ?)",
             round.id, segment.replica, Blob{segment.sum},
             segment.group.has_value() ? segment.group->session : Digest(),
             segment.bytes_up));
  result.segment_id = db.last_insert_id();
  if (segment.group.has_value()) {
    SHOAL_RETURN_IF_ERROR(InsertGroupRows(db, round, *segment.group));
    SHOAL_RETURN_IF_ERROR(InsertGroupFaults(db, *segment.group));
  }
  for (const ContributionRow& row : batch) {
    SHOAL_RETURN_IF_ERROR(
        InsertContribution(db, round.id, result.segment_id, row));
  }
  round.accepted += static_cast<int>(batch.size());
  round.bytes_up += segment.bytes_up;
  result.accepted = round.accepted;
  SHOAL_RETURN_IF_ERROR(UpdateRound(db, round, RoundState::kCollecting));
  return result;
}

absl::StatusOr<SegmentResult> TryInsertSegment(
    SqliteDatabase& db, const NewSegment& segment,
    absl::Span<const ContributionRow> batch) {
  SegmentResult result;
  SHOAL_ASSIGN_OR_RETURN(const RoundRow round, LoadRound(db, segment.round_id));
  if (round.state != RoundState::kCollecting) {
    result.kind = SegmentResult::kClosed;
    return result;
  }
  SHOAL_RETURN_IF_ERROR(CheckEarlierRounds(round, batch));
  SHOAL_ASSIGN_OR_RETURN(result.duplicates,
                         LoadDuplicates(db, round.id, batch));
  if (!result.duplicates.empty()) {
    result.kind = SegmentResult::kDuplicates;
    return result;
  }
  if (!HasRoomFor(round, batch.size())) {
    result.kind = SegmentResult::kClosed;
    return result;
  }
  return InsertSegment(db, round, segment, batch);
}

absl::StatusOr<std::map<int64_t, int64_t>> LoadStaleness(
    SqliteDatabase& db, const RoundRow& round) {
  std::map<int64_t, int64_t> updates;
  SqliteQuery query = db.Query(
      "SELECT 0, count(*) FROM contributions "
      "WHERE round = ?1 AND counted_in IS NULL HAVING count(*) > 0 UNION ALL "
      "SELECT ?2 - number, count(*) FROM contributions "
      "JOIN rounds ON rounds.id = contributions.round "
      "WHERE counted_in = ?1 GROUP BY number",
      round.id, round.number);
  int64_t versions_behind = 0;
  int64_t count = 0;
  while (query.Next()) {
    query.Read(versions_behind, count);
    updates[versions_behind] += count;
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  return updates;
}

absl::StatusOr<RoundSnapshot> LoadSnapshot(SqliteDatabase& db,
                                           int64_t round_id) {
  RoundSnapshot snapshot;
  SHOAL_ASSIGN_OR_RETURN(snapshot.round, LoadRound(db, round_id));
  SqliteQuery query = db.Query(
      "SELECT device, assigned, outcome FROM assignments "
      "WHERE round = ? ORDER BY device",
      round_id);
  while (query.Next()) {
    AssignmentRow& row = snapshot.assignments.emplace_back();
    query.Read(row.device_id, row.assigned, row.outcome);
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  SHOAL_ASSIGN_OR_RETURN(snapshot.groups, LoadGroupSummaries(db, round_id));
  if (snapshot.round.asynchronous) {
    SHOAL_ASSIGN_OR_RETURN(snapshot.staleness,
                           LoadStaleness(db, snapshot.round));
  }
  return snapshot;
}

absl::Status AssignAgain(SqliteDatabase& db, const RoundRow& round,
                         const std::string& device_id, absl::Time now,
                         absl::Time deadline) {
  AssignmentRow held;
  SqliteQuery query = db.Query(
      "SELECT device, assigned, outcome FROM assignments "
      "WHERE round = ? AND device = ?",
      round.id, device_id);
  while (query.Next()) {
    query.Read(held.device_id, held.assigned, held.outcome);
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  if (!MayAssignAgain(round, held, now, deadline)) {
    return AssignmentExists(round.id, device_id);
  }
  return db.Run(
      "UPDATE assignments SET assigned = ?, outcome = '' "
      "WHERE round = ? AND device = ?",
      now, round.id, device_id);
}

absl::StatusOr<std::vector<OpenAssignmentRow>> LoadOpenAssignments(
    SqliteDatabase& db, const std::string& task, int64_t min_number,
    absl::Time since) {
  SHOAL_RETURN_IF_ERROR(LoadTask(db, task).status());
  std::vector<OpenAssignmentRow> rows;
  SqliteQuery query = db.Query(
      "SELECT rounds.id, number, base_model, device, assigned_at.assigned, "
      "outcome FROM rounds JOIN assignments AS assigned_at "
      "ON assigned_at.round = rounds.id "
      "WHERE task = ? AND number >= ? AND outcome = '' "
      "AND assigned_at.assigned >= ? ORDER BY rounds.id, device",
      task, min_number, since);
  while (query.Next()) {
    OpenAssignmentRow& row = rows.emplace_back();
    query.Read(row.round_id, row.number, row.base_model,
               row.assignment.device_id, row.assignment.assigned,
               row.assignment.outcome);
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  return rows;
}

}  // namespace

absl::Status SqliteStore::RecordAssignment(int64_t round_id,
                                           const std::string& device_id,
                                           absl::Time now,
                                           absl::Time deadline) {
  return Write(
      Durability::kEventually, [&](SqliteDatabase& db) -> absl::Status {
        SHOAL_ASSIGN_OR_RETURN(RoundRow round, LoadRound(db, round_id));
        SHOAL_RETURN_IF_ERROR(CheckAssignable(round));
        SHOAL_RETURN_IF_ERROR(CheckNotForgotten(db, device_id));
        SHOAL_RETURN_IF_ERROR(
            db.Run("INSERT INTO assignments (round, device, assigned, outcome) "
                   "VALUES (?, ?, ?, '') ON CONFLICT DO NOTHING",
                   round_id, device_id, now));
        if (db.changes() == 0) {
          return AssignAgain(db, round, device_id, now, deadline);
        }
        SHOAL_RETURN_IF_ERROR(CheckNotFull(round));
        const RoundState from = round.state;
        MarkAssigned(round, deadline);
        return UpdateRound(db, round, from);
      });
}

absl::Status SqliteStore::RecordOutcome(int64_t round_id,
                                        const std::string& device_id,
                                        const std::string& outcome) {
  return Write(
      Durability::kEventually, [&](SqliteDatabase& db) -> absl::Status {
        SHOAL_RETURN_IF_ERROR(
            db.Run("UPDATE assignments SET "
                   "outcome = CASE outcome WHEN '' THEN ? ELSE outcome END "
                   "WHERE round = ? AND device = ?",
                   outcome, round_id, device_id));
        if (db.changes() == 0) return AssignmentNotFound(round_id, device_id);
        return absl::OkStatus();
      });
}

absl::StatusOr<std::vector<AssignmentRow>> SqliteStore::ListAssignments(
    int64_t round_id) {
  SHOAL_ASSIGN_OR_RETURN(RoundSnapshot snapshot, ReadRound(round_id));
  return std::move(snapshot.assignments);
}

absl::StatusOr<RoundSnapshot> SqliteStore::ReadRound(int64_t round_id) {
  return Read([&](SqliteDatabase& db) -> absl::StatusOr<RoundSnapshot> {
    // Without a transaction every query would see a moment of its own.
    SHOAL_RETURN_IF_ERROR(db.Execute("BEGIN"));
    absl::StatusOr<RoundSnapshot> snapshot = LoadSnapshot(db, round_id);
    const absl::Status ended = db.Execute("COMMIT");
    if (snapshot.ok() && !ended.ok()) return ended;
    return snapshot;
  });
}

absl::StatusOr<std::vector<OpenAssignmentRow>> SqliteStore::ListOpenAssignments(
    const std::string& task, int64_t min_number, absl::Time since) {
  return Read([&](SqliteDatabase& db) {
    return LoadOpenAssignments(db, task, min_number, since);
  });
}

absl::StatusOr<SegmentResult> SqliteStore::CommitSegment(
    const NewSegment& segment,
    absl::Span<const ContributionRow> contributions) {
  SHOAL_RETURN_IF_ERROR(CheckNewSegment(segment, contributions));
  SegmentResult result;
  SHOAL_RETURN_IF_ERROR(
      Write(Durability::kAtOnce, [&](SqliteDatabase& db) -> absl::Status {
        SHOAL_ASSIGN_OR_RETURN(result,
                               TryInsertSegment(db, segment, contributions));
        return absl::OkStatus();
      }));
  return result;
}

absl::Status SqliteStore::AppendGroupRows(const NewGroupRows& rows) {
  return Write(Durability::kAtOnce, [&](SqliteDatabase& db) -> absl::Status {
    SHOAL_ASSIGN_OR_RETURN(const RoundRow round, LoadRound(db, rows.round_id));
    SHOAL_RETURN_IF_ERROR(InsertGroupRows(db, round, rows));
    return InsertGroupFaults(db, rows);
  });
}

absl::Status SqliteStore::BurnGroup(const NewGroupRows& rows) {
  return Write(Durability::kAtOnce, [&](SqliteDatabase& db) -> absl::Status {
    SHOAL_ASSIGN_OR_RETURN(const RoundRow round, LoadRound(db, rows.round_id));
    SHOAL_RETURN_IF_ERROR(CheckBurnable(round));
    SHOAL_RETURN_IF_ERROR(InsertGroupRows(db, round, rows));
    SHOAL_RETURN_IF_ERROR(DeleteContributionsOf(db, round, rows.session));
    return InsertGroupFaults(db, rows);
  });
}

absl::StatusOr<std::vector<GroupRow>> SqliteStore::ReadGroupRows(
    int64_t round_id) {
  return Read([&](SqliteDatabase& db) -> absl::StatusOr<std::vector<GroupRow>> {
    SHOAL_RETURN_IF_ERROR(LoadRound(db, round_id).status());
    std::vector<GroupRow> rows;
    SqliteQuery query = db.Query(
        "SELECT rows.session, rows.row FROM group_rows AS rows JOIN "
        "(SELECT session, min(id) AS made FROM group_rows WHERE round = ?1 "
        "GROUP BY session) AS groups ON groups.session = rows.session "
        "WHERE rows.round = ?1 ORDER BY groups.made, rows.place",
        round_id);
    while (query.Next()) {
      GroupRow& row = rows.emplace_back();
      query.Read(row.session, row.row);
    }
    SHOAL_RETURN_IF_ERROR(query.status());
    return rows;
  });
}

absl::StatusOr<std::optional<ContributionRow>> SqliteStore::GetContribution(
    int64_t round_id, const std::string& device_id) {
  return Read([&](SqliteDatabase& db)
                  -> absl::StatusOr<std::optional<ContributionRow>> {
    SHOAL_RETURN_IF_ERROR(LoadRound(db, round_id).status());
    return LoadContribution(db, round_id, device_id);
  });
}

absl::StatusOr<std::vector<ContributionRow>> SqliteStore::ListContributions(
    int64_t round_id) {
  return Read(
      [&](SqliteDatabase& db) -> absl::StatusOr<std::vector<ContributionRow>> {
        SHOAL_RETURN_IF_ERROR(LoadRound(db, round_id).status());
        return LoadContributions(db, round_id);
      });
}

absl::StatusOr<std::vector<SegmentRow>> SqliteStore::ReadSegments(
    int64_t round_id) {
  return Read(
      [&](SqliteDatabase& db) -> absl::StatusOr<std::vector<SegmentRow>> {
        SHOAL_RETURN_IF_ERROR(LoadRound(db, round_id).status());
        std::vector<SegmentRow> rows;
        SqliteQuery query = db.Query(
            "SELECT id, sum, session FROM segments "
            "WHERE round = ? ORDER BY id",
            round_id);
        while (query.Next()) {
          SegmentRow& row = rows.emplace_back();
          query.Read(row.id, row.sum, row.session);
        }
        SHOAL_RETURN_IF_ERROR(query.status());
        return rows;
      });
}

}  // namespace shoal::coordinator
