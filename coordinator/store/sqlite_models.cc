#include "coordinator/store/sqlite_models.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/store/store_rules.h"

namespace shoal::coordinator {
namespace {

// What devices ask for at once. Part of the format: never change it.
constexpr int64_t kChunkBytes = 256 * 1024;

constexpr absl::string_view kSelectModel =
    "SELECT b.digest, v.task, v.version, b.num_bytes, v.num_parameters, "
    "v.round, v.parent, v.created, v.contributors "
    "FROM model_versions v JOIN model_blobs b ON b.id = v.blob ";

struct BlobRow {
  int64_t id = 0;
  int64_t num_bytes = 0;
};

absl::StatusOr<std::optional<BlobRow>> LoadBlob(SqliteDatabase& db,
                                                const Digest& digest) {
  std::optional<BlobRow> blob;
  SqliteQuery query = db.Query(
      "SELECT id, num_bytes FROM model_blobs WHERE digest = ?", digest);
  while (query.Next()) {
    blob.emplace();
    query.Read(blob->id, blob->num_bytes);
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  return blob;
}

absl::StatusOr<int64_t> InsertBlob(SqliteDatabase& db, const Digest& digest,
                                   absl::string_view bytes) {
  SHOAL_RETURN_IF_ERROR(
      db.Run("INSERT INTO model_blobs (digest, num_bytes) VALUES (?, ?)",
             digest, static_cast<int64_t>(bytes.size())));
  const int64_t id = db.last_insert_id();
  for (int64_t chunk = 0; !bytes.empty(); ++chunk) {
    const absl::string_view part = bytes.substr(0, kChunkBytes);
    SHOAL_RETURN_IF_ERROR(
        db.Run("INSERT INTO model_chunks (blob, chunk, bytes) VALUES (?, ?, ?)",
               id, chunk, Blob{part}));
    bytes.remove_prefix(part.size());
  }
  return id;
}

absl::StatusOr<std::vector<ModelRow>> ReadModels(SqliteQuery query) {
  std::vector<ModelRow> rows;
  while (query.Next()) {
    ModelRow& row = rows.emplace_back();
    query.Read(row.digest, row.task, row.version, row.num_bytes,
               row.num_parameters, row.round_id, row.parent, row.created,
               row.contributors);
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  return rows;
}

}  // namespace

absl::Status InsertModel(SqliteDatabase& db, const ModelRow& model,
                         absl::string_view bytes) {
  SHOAL_ASSIGN_OR_RETURN(const std::optional<BlobRow> blob,
                         LoadBlob(db, model.digest));
  int64_t blob_id = 0;
  if (blob.has_value()) {
    blob_id = blob->id;
  } else {
    SHOAL_ASSIGN_OR_RETURN(blob_id, InsertBlob(db, model.digest, bytes));
  }
  return db.Run(
      "INSERT INTO model_versions (task, version, blob, num_parameters, round, "
      "parent, created, contributors) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
      model.task, model.version, blob_id, model.num_parameters, model.round_id,
      model.parent, model.created, model.contributors);
}

absl::StatusOr<ModelRow> LoadModel(SqliteDatabase& db, const Digest& digest) {
  SHOAL_ASSIGN_OR_RETURN(
      std::vector<ModelRow> rows,
      ReadModels(
          db.Query(absl::StrCat(kSelectModel,
                                "WHERE b.digest = ? ORDER BY v.id LIMIT 1"),
                   digest)));
  if (rows.empty()) return ModelNotFound(digest);
  return std::move(rows.front());
}

absl::StatusOr<std::vector<ModelRow>> LoadModels(SqliteDatabase& db,
                                                 absl::string_view task,
                                                 int limit) {
  return ReadModels(db.Query(
      absl::StrCat(kSelectModel,
                   "WHERE v.task = ? ORDER BY v.version DESC LIMIT max(?, 0)"),
      task, limit));
}

absl::StatusOr<std::string> ReadModelBytes(SqliteDatabase& db,
                                           const Digest& digest, int64_t offset,
                                           int64_t size) {
  SHOAL_ASSIGN_OR_RETURN(const std::optional<BlobRow> blob,
                         LoadBlob(db, digest));
  if (!blob.has_value()) return ModelNotFound(digest);
  SHOAL_RETURN_IF_ERROR(CheckModelRange(digest, blob->num_bytes, offset, size));
  size = std::min(size, blob->num_bytes - offset);
  std::string bytes;
  if (size == 0) return bytes;
  bytes.reserve(size);
  int64_t skip = offset % kChunkBytes;
  SqliteQuery query = db.Query(
      "SELECT bytes FROM model_chunks "
      "WHERE blob = ? AND chunk BETWEEN ? AND ? ORDER BY chunk",
      blob->id, offset / kChunkBytes, (offset + size - 1) / kChunkBytes);
  while (query.Next()) {
    absl::string_view part = query.Bytes(0);
    part.remove_prefix(std::min<int64_t>(skip, part.size()));
    skip = 0;
    absl::StrAppend(&bytes, part.substr(0, size - bytes.size()));
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  if (static_cast<int64_t>(bytes.size()) != size) {
    return absl::DataLossError(absl::StrCat(
        "model ", digest.ToHex(), ": of the ", size, " bytes from ", offset,
        " on only ", bytes.size(), " are there"));
  }
  return bytes;
}

}  // namespace shoal::coordinator
