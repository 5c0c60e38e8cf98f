// Privacy in the SQLite store: budgets, what was charged to them, and the state
// of noise. Functions are not transactions of their own.
#ifndef SHOAL_COORDINATOR_STORE_SQLITE_LEDGER_H_
#define SHOAL_COORDINATOR_STORE_SQLITE_LEDGER_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "base/secret.h"
#include "coordinator/engine/rows.h"
#include "coordinator/store/ledger_log.h"
#include "coordinator/store/sqlite_database.h"

namespace shoal::coordinator {

// 32 hexadecimal digits that nothing else is called by.
std::string RandomName();

// "": the population has none.
absl::StatusOr<std::string> LoadPrivacyBudget(SqliteDatabase& db,
                                              absl::string_view population);
// Nothing happens when it has one.
absl::Status InsertPrivacyBudget(SqliteDatabase& db,
                                 absl::string_view population,
                                 absl::string_view budget);

// Oldest first.
absl::StatusOr<std::vector<ChargeRow>> LoadCharges(
    SqliteDatabase& db, absl::string_view population);
// The same as the log writes them, of all populations.
absl::StatusOr<std::vector<LedgerCharge>> LoadLedgerCharges(SqliteDatabase& db);
// The sealed rounds, not yet over, of tasks with privacy that were sealed
// without a charge.
absl::StatusOr<std::vector<LedgerSeal>> LoadLedgerSeals(SqliteDatabase& db);
// With an id of this database's own.
absl::Status InsertCharge(SqliteDatabase& db, const LedgerCharge& charge);
// Charges the task's population and stores the state of new noise; ABORTED as
// RoundStore::SealRound.
absl::StatusOr<LedgerCharge> Charge(SqliteDatabase& db, const TaskRow& task,
                                    int64_t round_id, const NewCharge& charge,
                                    absl::Time now);

// Empty: there is none.
absl::StatusOr<Secret> LoadMechanismState(SqliteDatabase& db,
                                          absl::string_view task);
absl::Status StoreMechanismState(SqliteDatabase& db, absl::string_view task,
                                 const Secret& state);
absl::Status DeleteMechanismStates(SqliteDatabase& db);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_SQLITE_LEDGER_H_
