#include "coordinator/store/restore_guard.h"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "absl/algorithm/container.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/store/sqlite_ledger.h"
#include "coordinator/store/sqlite_rows.h"

namespace shoal::coordinator {
namespace {

// What the database knows of its log.
struct Position {
  std::string database;
  Digest end;
};

absl::StatusOr<std::optional<Position>> LoadPosition(SqliteDatabase& db) {
  std::optional<Position> position;
  SqliteQuery query = db.Query("SELECT database, position FROM ledger_log");
  while (query.Next()) {
    position.emplace();
    query.Read(position->database, position->end);
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  return position;
}

absl::Status StorePosition(SqliteDatabase& db, const LedgerLog& log) {
  return db.Run(
      "INSERT INTO ledger_log (id, database, position) VALUES (1, ?, ?) "
      "ON CONFLICT (id) DO UPDATE SET position = excluded.position",
      log.database(), log.end());
}

// Those behind `end`; null: the log has never ended there.
std::optional<absl::Span<const LedgerLine>> LinesBehind(
    const LedgerLog::Contents& log, const Digest& end) {
  const absl::Span<const LedgerLine> lines = log.lines;
  if (end == log.begin) return lines;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].end == end) return lines.subspan(i + 1);
  }
  return std::nullopt;
}

// Whether the round has all it takes to be released, and was not.
absl::StatusOr<bool> IsSealed(SqliteDatabase& db,
                              const LedgerRelease& release) {
  const absl::StatusOr<RoundRow> round = LoadRound(db, release.round_id);
  if (absl::IsNotFound(round.status())) return false;
  SHOAL_RETURN_IF_ERROR(round.status());
  return round->task == release.task && (round->state == RoundState::kSealed ||
                                         round->state == RoundState::kRevealed);
}

// Whether the database knows that the round was sealed, whatever came of it.
absl::StatusOr<bool> WasSealed(SqliteDatabase& db, const LedgerSeal& seal) {
  const absl::StatusOr<RoundRow> round = LoadRound(db, seal.round_id);
  if (absl::IsNotFound(round.status())) return false;
  SHOAL_RETURN_IF_ERROR(round.status());
  return round->task == seal.task && !round->contributors.empty();
}

// Rounds to come get ids above those that the log knows.
absl::Status RaiseRoundIds(SqliteDatabase& db,
                           absl::Span<const LedgerLine> lines) {
  int64_t newest = 0;
  for (const LedgerLine& line : lines) {
    newest = std::max(newest, RoundOf(line.entry));
  }
  SHOAL_RETURN_IF_ERROR(
      db.Run("INSERT INTO sqlite_sequence (name, seq) SELECT 'rounds', 0 "
             "WHERE NOT EXISTS "
             "(SELECT 1 FROM sqlite_sequence WHERE name = 'rounds')"));
  return db.Run(
      "UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'rounds'",
      newest);
}

absl::Status AddCharges(SqliteDatabase& db,
                        const std::vector<LedgerCharge>& charges) {
  for (const LedgerCharge& charge : charges) {
    if (!charge.budget.empty()) {
      SHOAL_RETURN_IF_ERROR(
          InsertPrivacyBudget(db, charge.row.population, charge.budget));
    }
    SHOAL_RETURN_IF_ERROR(InsertCharge(db, charge));
  }
  return absl::OkStatus();
}

// How log and database differ in what was charged and sealed.
struct Differences {
  std::vector<LedgerCharge> lost;     // charges that the database has not
  std::vector<LedgerEntry> unlogged;  // that the log has not
};

absl::Status CompareCharges(SqliteDatabase& db,
                            absl::Span<const LedgerLine> lines,
                            Differences& differences) {
  SHOAL_ASSIGN_OR_RETURN(const std::vector<LedgerCharge> charges,
                         LoadLedgerCharges(db));
  std::set<std::string> in_database;
  for (const LedgerCharge& charge : charges) in_database.insert(charge.name);
  std::set<std::string> in_log;
  for (const LedgerLine& line : lines) {
    const auto* charge = std::get_if<LedgerCharge>(&line.entry);
    if (charge == nullptr || !in_log.insert(charge->name).second) continue;
    if (!in_database.contains(charge->name)) {
      differences.lost.push_back(*charge);
    }
  }
  for (const LedgerCharge& charge : charges) {
    if (!in_log.contains(charge.name)) differences.unlogged.push_back(charge);
  }
  return absl::OkStatus();
}

absl::Status CompareSeals(SqliteDatabase& db,
                          absl::Span<const LedgerLine> lines,
                          Differences& differences) {
  std::set<std::pair<std::string, int64_t>> in_log;
  for (const LedgerLine& line : lines) {
    const auto* seal = std::get_if<LedgerSeal>(&line.entry);
    if (seal != nullptr) in_log.emplace(seal->task, seal->round_id);
  }
  SHOAL_ASSIGN_OR_RETURN(const std::vector<LedgerSeal> seals,
                         LoadLedgerSeals(db));
  for (const LedgerSeal& seal : seals) {
    if (!in_log.contains({seal.task, seal.round_id})) {
      differences.unlogged.push_back(seal);
    }
  }
  return absl::OkStatus();
}

absl::StatusOr<Differences> Compare(SqliteDatabase& db,
                                    absl::Span<const LedgerLine> lines) {
  Differences differences;
  SHOAL_RETURN_IF_ERROR(CompareCharges(db, lines, differences));
  SHOAL_RETURN_IF_ERROR(CompareSeals(db, lines, differences));
  return differences;
}

}  // namespace

absl::StatusOr<std::unique_ptr<RestoreGuard>> RestoreGuard::Open(
    SqliteDatabase& db, const std::string& log_path) {
  std::unique_ptr<RestoreGuard> guard(new RestoreGuard(log_path));
  absl::StatusOr<LedgerLog::Contents> found = LedgerLog::Open(log_path);
  if (absl::IsNotFound(found.status())) {
    SHOAL_RETURN_IF_ERROR(guard->OpenWithoutLog(db));
  } else {
    SHOAL_RETURN_IF_ERROR(found.status());
    SHOAL_RETURN_IF_ERROR(guard->OpenWithLog(db, *std::move(found)));
  }
  return guard;
}

absl::Status RestoreGuard::OpenWithoutLog(SqliteDatabase& db) {
  SHOAL_ASSIGN_OR_RETURN(const std::optional<Position> position,
                         LoadPosition(db));
  if (!position.has_value()) return absl::OkStatus();  // nothing was charged
  SHOAL_ASSIGN_OR_RETURN(const Differences all, Compare(db, {}));
  SHOAL_ASSIGN_OR_RETURN(
      log_, LedgerLog::Create(log_path_, position->database, all.unlogged));
  warning_ = absl::StrCat(
      log_path_,
      " was missing: what was released since the last backup of the database "
      "cannot be told. A new log has begun, and the noise of all tasks begins "
      "anew");
  return db.Transaction(Durability::kAtOnce, [&]() -> absl::Status {
    SHOAL_RETURN_IF_ERROR(DeleteMechanismStates(db));
    return StorePosition(db, *log_);
  });
}

absl::Status RestoreGuard::OpenWithLog(SqliteDatabase& db,
                                       LedgerLog::Contents found) {
  log_ = std::move(found.log);
  SHOAL_ASSIGN_OR_RETURN(const std::optional<Position> position,
                         LoadPosition(db));
  if (position.has_value() && position->database != log_->database()) {
    return absl::FailedPreconditionError(
        absl::StrCat(log_path_, " is the log of database ", log_->database(),
                     ", this one is ", position->database,
                     ": put the log of this one there"));
  }
  const auto behind =
      LinesBehind(found, position.has_value() ? position->end : found.begin);
  SHOAL_ASSIGN_OR_RETURN(const Differences differences,
                         Compare(db, found.lines));
  SHOAL_RETURN_IF_ERROR(FindPending(db, found.lines));
  SHOAL_RETURN_IF_ERROR(log_->Append(differences.unlogged));
  if (behind.has_value() && differences.lost.empty()) {
    SHOAL_ASSIGN_OR_RETURN(const bool is_known, AreKnown(db, *behind));
    if (is_known) return absl::OkStatus();
  }
  warning_ = absl::StrCat(
      "the database was restored from a backup: ", log_path_,
      " knows of rounds that it does not. ", differences.lost.size(),
      differences.lost.size() == 1 ? " charge was" : " charges were",
      " added again, and the noise of all tasks begins anew");
  return db.Transaction(Durability::kAtOnce, [&]() -> absl::Status {
    SHOAL_RETURN_IF_ERROR(AddCharges(db, differences.lost));
    SHOAL_RETURN_IF_ERROR(RaiseRoundIds(db, found.lines));
    SHOAL_RETURN_IF_ERROR(DeleteMechanismStates(db));
    return StorePosition(db, *log_);
  });
}

absl::Status RestoreGuard::FindPending(SqliteDatabase& db,
                                       absl::Span<const LedgerLine> lines) {
  for (const LedgerLine& line : lines) {
    const auto* release = std::get_if<LedgerRelease>(&line.entry);
    if (release == nullptr) continue;
    SHOAL_ASSIGN_OR_RETURN(const bool sealed, IsSealed(db, *release));
    if (sealed) pending_[release->task] = *release;
  }
  return absl::OkStatus();
}

absl::StatusOr<bool> RestoreGuard::AreKnown(
    SqliteDatabase& db, absl::Span<const LedgerLine> lines) const {
  for (const LedgerLine& line : lines) {
    if (const auto* seal = std::get_if<LedgerSeal>(&line.entry)) {
      SHOAL_ASSIGN_OR_RETURN(const bool was_sealed, WasSealed(db, *seal));
      if (!was_sealed) return false;
    }
    const auto* release = std::get_if<LedgerRelease>(&line.entry);
    if (release != nullptr && !IsPending(release->task, release->round_id)) {
      return false;
    }
  }
  return true;
}

bool RestoreGuard::IsPending(const std::string& task, int64_t round_id) const {
  const auto pending = pending_.find(task);
  return pending != pending_.end() && pending->second.round_id == round_id;
}

absl::Status RestoreGuard::Begin(SqliteDatabase& db) {
  if (log_ == nullptr) {
    SHOAL_ASSIGN_OR_RETURN(log_,
                           LedgerLog::Create(log_path_, RandomName(), {}));
  }
  SHOAL_ASSIGN_OR_RETURN(const std::optional<Position> position,
                         LoadPosition(db));
  return position.has_value() ? absl::OkStatus() : StorePosition(db, *log_);
}

absl::Status RestoreGuard::PrepareSeal(SqliteDatabase& db,
                                       const LedgerEntry& entry) {
  SHOAL_RETURN_IF_ERROR(Begin(db));
  return log_->Prepare({entry});
}

absl::Status RestoreGuard::CatchUp() {
  if (!is_behind_) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(log_->Confirm());
  is_behind_ = false;
  return absl::OkStatus();
}

absl::Status RestoreGuard::Release(SqliteDatabase& db,
                                   const LedgerRelease& release) {
  SHOAL_RETURN_IF_ERROR(Begin(db));
  const bool is_known = IsPending(release.task, release.round_id);
  if (is_known && pending_[release.task].model != release.model) {
    return absl::DataLossError(absl::StrCat(
        log_path_, ": round ", release.round_id, " of task '", release.task,
        "' may have been released as model ",
        pending_[release.task].model.ToShortHex(),
        ", it cannot be released as ", release.model.ToShortHex(), " as well"));
  }
  if (!is_known) SHOAL_RETURN_IF_ERROR(log_->Append({release}));
  pending_[release.task] = release;
  return StorePosition(db, *log_);
}

absl::Status RestoreGuard::GiveUp(SqliteDatabase& db, const RoundRow& round) {
  if (!IsPending(round.task, round.id)) return absl::OkStatus();
  SHOAL_RETURN_IF_ERROR(StoreMechanismState(db, round.task, Secret()));
  return StorePosition(db, *log_);
}

}  // namespace shoal::coordinator
