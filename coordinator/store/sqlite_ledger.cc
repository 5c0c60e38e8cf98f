#include "coordinator/store/sqlite_ledger.h"

#include <utility>

#include "absl/strings/escaping.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "coordinator/store/store_rules.h"

namespace shoal::coordinator {
namespace {

absl::StatusOr<int64_t> CountCharges(SqliteDatabase& db,
                                     absl::string_view population) {
  int64_t count = 0;
  SqliteQuery query = db.Query(
      "SELECT count(*) FROM privacy_charges WHERE population = ?", population);
  while (query.Next()) query.Read(count);
  SHOAL_RETURN_IF_ERROR(query.status());
  return count;
}

}  // namespace

std::string RandomName() {
  return absl::BytesToHexString(SystemRng().Bytes(16));
}

absl::StatusOr<std::string> LoadPrivacyBudget(SqliteDatabase& db,
                                              absl::string_view population) {
  std::string budget;
  SqliteQuery query = db.Query(
      "SELECT budget FROM privacy_budgets WHERE population = ?", population);
  while (query.Next()) query.Read(budget);
  SHOAL_RETURN_IF_ERROR(query.status());
  return budget;
}

absl::Status InsertPrivacyBudget(SqliteDatabase& db,
                                 absl::string_view population,
                                 absl::string_view budget) {
  return db.Run(
      "INSERT INTO privacy_budgets (population, budget) VALUES (?, ?) "
      "ON CONFLICT (population) DO NOTHING",
      population, budget);
}

absl::StatusOr<std::vector<ChargeRow>> LoadCharges(
    SqliteDatabase& db, absl::string_view population) {
  std::vector<ChargeRow> rows;
  SqliteQuery query = db.Query(
      "SELECT id, population, task, round, event, charged "
      "FROM privacy_charges WHERE population = ? ORDER BY id",
      population);
  while (query.Next()) {
    ChargeRow& row = rows.emplace_back();
    query.Read(row.id, row.population, row.task, row.round_id, row.event,
               row.charged);
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  return rows;
}

absl::StatusOr<std::vector<LedgerCharge>> LoadLedgerCharges(
    SqliteDatabase& db) {
  std::vector<LedgerCharge> charges;
  SqliteQuery query = db.Query(
      "SELECT c.id, c.name, c.population, coalesce(b.budget, ''), c.task, "
      "c.round, c.event, c.charged FROM privacy_charges c "
      "LEFT JOIN privacy_budgets b ON b.population = c.population "
      "ORDER BY c.id");
  while (query.Next()) {
    LedgerCharge& charge = charges.emplace_back();
    ChargeRow& row = charge.row;
    query.Read(row.id, charge.name, row.population, charge.budget, row.task,
               row.round_id, row.event, row.charged);
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  return charges;
}

absl::StatusOr<std::vector<LedgerSeal>> LoadLedgerSeals(SqliteDatabase& db) {
  std::vector<LedgerSeal> seals;
  SqliteQuery query = db.Query(
      "SELECT r.task, r.id FROM rounds r JOIN tasks t ON t.name = r.task "
      "WHERE r.state IN (3, 4) AND t.privacy_budget <> '' AND NOT EXISTS "
      "(SELECT 1 FROM privacy_charges c WHERE c.task = r.task "
      "AND c.round = r.id) ORDER BY r.id");
  while (query.Next()) {
    LedgerSeal& seal = seals.emplace_back();
    query.Read(seal.task, seal.round_id);
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  return seals;
}

absl::Status InsertCharge(SqliteDatabase& db, const LedgerCharge& charge) {
  const ChargeRow& row = charge.row;
  return db.Run(
      "INSERT INTO privacy_charges "
      "(name, population, task, round, event, charged) "
      "VALUES (?, ?, ?, ?, ?, ?)",
      charge.name, row.population, row.task, row.round_id, Blob{row.event},
      row.charged);
}

absl::StatusOr<LedgerCharge> Charge(SqliteDatabase& db, const TaskRow& task,
                                    int64_t round_id, const NewCharge& charge,
                                    absl::Time now) {
  SHOAL_RETURN_IF_ERROR(CheckNewCharge(task, charge));
  SHOAL_ASSIGN_OR_RETURN(const int64_t known,
                         CountCharges(db, task.population));
  SHOAL_RETURN_IF_ERROR(CheckCharge(task.population, charge, known));
  LedgerCharge row = {
      RandomName(),
      task.privacy_budget,
      {0, task.population, task.name, round_id, charge.event, now}};
  SHOAL_RETURN_IF_ERROR(InsertCharge(db, row));
  if (!charge.mechanism_state.empty()) {
    SHOAL_RETURN_IF_ERROR(
        StoreMechanismState(db, task.name, charge.mechanism_state));
  }
  return row;
}

absl::StatusOr<Secret> LoadMechanismState(SqliteDatabase& db,
                                          absl::string_view task) {
  Secret state;
  SqliteQuery query =
      db.Query("SELECT state FROM mechanism_states WHERE task = ?", task);
  while (query.Next()) state = Secret(std::string(query.Bytes(0)));
  SHOAL_RETURN_IF_ERROR(query.status());
  return state;
}

absl::Status StoreMechanismState(SqliteDatabase& db, absl::string_view task,
                                 const Secret& state) {
  if (state.empty()) {
    return db.Run("DELETE FROM mechanism_states WHERE task = ?", task);
  }
  return db.Run(
      "INSERT INTO mechanism_states (task, state) VALUES (?, ?) "
      "ON CONFLICT (task) DO UPDATE SET state = excluded.state",
      task, Blob{state.Reveal()});
}

absl::Status DeleteMechanismStates(SqliteDatabase& db) {
  return db.Run("DELETE FROM mechanism_states");
}

}  // namespace shoal::coordinator
