// Models in the SQLite store: versions that point to bytes, which are named by
// their digest, shared between versions and kept in chunks, so that a read at
// any offset touches only what it returns.
#ifndef SHOAL_COORDINATOR_STORE_SQLITE_MODELS_H_
#define SHOAL_COORDINATOR_STORE_SQLITE_MODELS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "coordinator/engine/rows.h"
#include "coordinator/store/sqlite_database.h"

namespace shoal::coordinator {

// Inserts the version, and its bytes if they are not there yet.
absl::Status InsertModel(SqliteDatabase& db, const ModelRow& model,
                         absl::string_view bytes);
// The first version with these bytes; NOT_FOUND.
absl::StatusOr<ModelRow> LoadModel(SqliteDatabase& db, const Digest& digest);
// Newest first.
absl::StatusOr<std::vector<ModelRow>> LoadModels(SqliteDatabase& db,
                                                 absl::string_view task,
                                                 int limit);
// As RoundStore::ReadModel.
absl::StatusOr<std::string> ReadModelBytes(SqliteDatabase& db,
                                           const Digest& digest, int64_t offset,
                                           int64_t size);

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_SQLITE_MODELS_H_
