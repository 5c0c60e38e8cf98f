// A RoundStore in one SQLite file, for one coordinator on one machine.
// Tables, transactions and durability: docs/reference/store.md.
#ifndef SHOAL_COORDINATOR_STORE_SQLITE_STORE_H_
#define SHOAL_COORDINATOR_STORE_SQLITE_STORE_H_

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "coordinator/engine/round_store.h"

namespace shoal::coordinator {

// Opens or creates the file (readable by its owner alone; its folder must
// exist) and keeps everybody else from opening it as a store.
// FAILED_PRECONDITION when another process or store has it open, when its
// schema is newer than this program, or when it is another program's;
// DATA_LOSS when it is corrupt or no database. The same two when the log of the
// ledger, `path`.ledger, is another database's, or is damaged.
//
// `warning` becomes what an operator must be told, otherwise "": that the
// database was restored from a backup, or that the log is missing, and what
// follows from it.
absl::StatusOr<std::unique_ptr<RoundStore>> OpenSqliteStore(
    const std::string& path, std::string* warning = nullptr);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_SQLITE_STORE_H_
