#include <algorithm>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "coordinator/store/sqlite_forgetting.h"
#include "coordinator/store/sqlite_groups.h"
#include "coordinator/store/sqlite_tables.h"
#include "coordinator/store/store_rules.h"

namespace shoal::coordinator {
namespace {

// Devices seen since the last write: this many wait in memory at most.
constexpr size_t kMaxSightings = 256;

constexpr absl::string_view kSelectDevice =
    "SELECT id, name, population, enrolled, last_seen, certificate_expires, "
    "contributions, sdk_version, num_examples FROM devices ";

absl::StatusOr<std::vector<DeviceRow>> ReadDevices(SqliteQuery query) {
  std::vector<DeviceRow> rows;
  while (query.Next()) {
    DeviceRow& row = rows.emplace_back();
    query.Read(row.id, row.name, row.population, row.enrolled, row.last_seen,
               row.certificate_expires, row.contributions, row.sdk_version,
               row.num_examples);
  }
  SHOAL_RETURN_IF_ERROR(query.status());
  return rows;
}

absl::StatusOr<std::vector<DeviceRow>> LoadDevice(SqliteDatabase& db,
                                                  absl::string_view id) {
  return ReadDevices(db.Query(absl::StrCat(kSelectDevice, "WHERE id = ?"), id));
}

absl::StatusOr<DeviceRow> LoadMatchingDevice(SqliteDatabase& db,
                                             absl::string_view text) {
  SHOAL_ASSIGN_OR_RETURN(std::vector<DeviceRow> rows, LoadDevice(db, text));
  if (rows.empty()) {
    // Ids are ASCII: all that start with the text lie below its concatenation
    // with the last character of Unicode. Two are enough to be ambiguous.
    SHOAL_ASSIGN_OR_RETURN(
        rows, ReadDevices(db.Query(
                  absl::StrCat(kSelectDevice,
                               "WHERE (id >= ?1 AND id < ?1 || char(1114111)) "
                               "OR name = ?1 ORDER BY id LIMIT 2"),
                  text)));
  }
  return PickDevice(text, std::move(rows));
}

// Whether the device has used the invitation, which must not have expired.
absl::StatusOr<bool> HasUsed(SqliteDatabase& db, const Digest& token_hash,
                             const std::string& device_id, absl::Time now) {
  SqliteQuery query = db.Query(
      "SELECT 1 FROM invitation_uses JOIN invitations USING (token_hash) "
      "WHERE token_hash = ? AND device = ? AND expires > ?",
      token_hash, device_id, now);
  const bool used = query.Next();
  SHOAL_RETURN_IF_ERROR(query.status());
  return used;
}

}  // namespace

absl::Status SqliteStore::UpsertDevice(const DeviceRow& device) {
  return Write(Durability::kAtOnce, [&](SqliteDatabase& db) -> absl::Status {
    SHOAL_RETURN_IF_ERROR(CheckNotForgotten(db, device.id));
    return db.Run(
        "INSERT INTO devices (id, name, population, enrolled, last_seen, "
        "certificate_expires, contributions, sdk_version, num_examples) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (id) DO UPDATE SET "
        "name = excluded.name, "
        "certificate_expires = excluded.certificate_expires",
        device.id, device.name, device.population, device.enrolled,
        device.last_seen, device.certificate_expires, device.contributions,
        device.sdk_version, device.num_examples);
  });
}

absl::Status SqliteStore::TouchDevice(const DeviceSighting& sighting) {
  {
    MutexLock lock(sightings_mutex_);
    if (sightings_.size() < kMaxSightings || sightings_.contains(sighting.id)) {
      sightings_[sighting.id] = sighting;
      return absl::OkStatus();
    }
  }
  SHOAL_RETURN_IF_ERROR(FlushSightings());
  MutexLock lock(sightings_mutex_);
  sightings_[sighting.id] = sighting;
  return absl::OkStatus();
}

absl::StatusOr<DeviceRow> SqliteStore::GetDevice(const std::string& id) {
  SHOAL_RETURN_IF_ERROR(FlushSightings());
  return Read([&](SqliteDatabase& db) -> absl::StatusOr<DeviceRow> {
    SHOAL_ASSIGN_OR_RETURN(std::vector<DeviceRow> rows, LoadDevice(db, id));
    if (rows.empty()) return DeviceNotFound(id);
    return std::move(rows.front());
  });
}

absl::StatusOr<DeviceRow> SqliteStore::FindDevice(const std::string& text) {
  SHOAL_RETURN_IF_ERROR(FlushSightings());
  return Read([&](SqliteDatabase& db) { return LoadMatchingDevice(db, text); });
}

absl::StatusOr<std::vector<DeviceRow>> SqliteStore::ListDevices(
    int limit, const std::string& after_id) {
  SHOAL_RETURN_IF_ERROR(FlushSightings());
  return Read([&](SqliteDatabase& db) {
    return ReadDevices(db.Query(
        absl::StrCat(kSelectDevice, "WHERE id > ? ORDER BY id LIMIT max(?, 0)"),
        after_id, limit));
  });
}

absl::StatusOr<int64_t> SqliteStore::CountDevices(absl::Time seen_since) {
  SHOAL_RETURN_IF_ERROR(FlushSightings());
  return Read([&](SqliteDatabase& db) -> absl::StatusOr<int64_t> {
    int64_t count = 0;
    SqliteQuery query = db.Query(
        "SELECT count(*) FROM devices WHERE ?1 IS NULL OR last_seen >= ?1",
        seen_since);
    while (query.Next()) query.Read(count);
    SHOAL_RETURN_IF_ERROR(query.status());
    return count;
  });
}

absl::StatusOr<Participation> SqliteStore::GetParticipation(
    const std::string& population, const std::string& task,
    const std::string& device_id) {
  return Read([&](SqliteDatabase& db) -> absl::StatusOr<Participation> {
    Participation row;
    SqliteQuery query = db.Query(
        "SELECT p.committed_rounds, d.last_contribution, t.last_version "
        "FROM populations p LEFT JOIN participations d "
        "ON d.population = p.name AND d.device = ?1 "
        "LEFT JOIN task_participations t ON t.task = ?3 AND t.device = ?1 "
        "WHERE p.name = ?2",
        device_id, population, task);
    while (query.Next()) {
      query.Read(row.committed_rounds, row.last_contribution, row.last_version);
    }
    SHOAL_RETURN_IF_ERROR(query.status());
    return row;
  });
}

absl::Status SqliteStore::RecordFault(const FaultRow& fault) {
  return Write(Durability::kAtOnce,
               [&](SqliteDatabase& db) { return InsertFault(db, fault); });
}

absl::StatusOr<std::vector<FaultRow>> SqliteStore::ListFaults(
    const std::string& device_id, int64_t round_id, int limit) {
  // One text for each case, so that each finds its index.
  const std::string sql =
      absl::StrCat("SELECT device, round, at, what FROM device_faults WHERE ",
                   device_id.empty() ? "?1 = ''" : "device = ?1", " AND ",
                   round_id == 0 ? "?2 = 0" : "round = ?2",
                   " ORDER BY at DESC, round DESC, device LIMIT max(?3, 0)");
  return Read([&](SqliteDatabase& db) -> absl::StatusOr<std::vector<FaultRow>> {
    std::vector<FaultRow> rows;
    SqliteQuery query = db.Query(sql, device_id, round_id, limit);
    while (query.Next()) {
      FaultRow& row = rows.emplace_back();
      query.Read(row.device_id, row.round_id, row.at, row.what);
    }
    SHOAL_RETURN_IF_ERROR(query.status());
    return rows;
  });
}

absl::Status SqliteStore::ForgetDevice(const std::string& device_id) {
  MutexLock lock(write_mutex_);
  SHOAL_RETURN_IF_ERROR(WriteLocked(
      Durability::kAtOnce,
      [&](SqliteDatabase& db) { return DeleteDevice(db, device_id); }));
  // Empties the write-ahead log, where the device still stands. Somebody else
  // who reads, a backup say, may be in the way: then a later one does.
  writer_->Execute("PRAGMA wal_checkpoint(TRUNCATE)").IgnoreError();
  return absl::OkStatus();
}

absl::StatusOr<bool> SqliteStore::IsForgotten(const std::string& device_id) {
  return Read([&](SqliteDatabase& db) { return LoadForgotten(db, device_id); });
}

absl::Status SqliteStore::CreateInvitation(const InvitationRow& row) {
  SHOAL_RETURN_IF_ERROR(CheckNewInvitation(row));
  return Write(Durability::kAtOnce, [&](SqliteDatabase& db) -> absl::Status {
    SHOAL_RETURN_IF_ERROR(db.Run(
        "INSERT INTO invitations (token_hash, uses_left, expires, "
        "label, created) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (token_hash) DO NOTHING",
        row.token_hash, row.uses_left, row.expires, row.label, row.created));
    return db.changes() == 1 ? absl::OkStatus() : InvitationExists();
  });
}

absl::Status SqliteStore::UseInvitation(const Digest& token_hash,
                                        const std::string& device_id,
                                        absl::Time now) {
  return Write(Durability::kAtOnce, [&](SqliteDatabase& db) -> absl::Status {
    SHOAL_RETURN_IF_ERROR(CheckNotForgotten(db, device_id));
    SHOAL_ASSIGN_OR_RETURN(const bool used,
                           HasUsed(db, token_hash, device_id, now));
    if (used) return absl::OkStatus();
    SHOAL_RETURN_IF_ERROR(
        db.Run("UPDATE invitations SET uses_left = uses_left - 1 "
               "WHERE token_hash = ? AND expires > ? "
               "AND (uses_left IS NULL OR uses_left > 0)",
               token_hash, now));
    if (db.changes() != 1) return InvitationNotFound();
    return db.Run(
        "INSERT INTO invitation_uses (token_hash, device) VALUES (?, ?)",
        token_hash, device_id);
  });
}

absl::StatusOr<std::vector<TokenKeyRow>> SqliteStore::ListTokenKeys() {
  return Read(
      [&](SqliteDatabase& db) -> absl::StatusOr<std::vector<TokenKeyRow>> {
        std::vector<TokenKeyRow> rows;
        SqliteQuery query =
            db.Query("SELECT id, created, key FROM token_keys ORDER BY id");
        while (query.Next()) {
          TokenKeyRow& row = rows.emplace_back();
          query.Read(row.id, row.created);
          row.key = Secret(std::string(query.Bytes(2)));
        }
        SHOAL_RETURN_IF_ERROR(query.status());
        return rows;
      });
}

absl::Status SqliteStore::AddTokenKey(const TokenKeyRow& row) {
  return Write(Durability::kAtOnce, [&](SqliteDatabase& db) -> absl::Status {
    SHOAL_RETURN_IF_ERROR(
        db.Run("INSERT INTO token_keys (id, key, created) VALUES (?, ?, ?) "
               "ON CONFLICT (id) DO NOTHING",
               row.id, Blob{row.key.Reveal()}, row.created));
    return db.changes() == 1 ? absl::OkStatus() : TokenKeyExists(row.id);
  });
}

absl::Status SqliteStore::DeleteTokenKeysBefore(int64_t id) {
  return Write(Durability::kAtOnce, [&](SqliteDatabase& db) {
    return db.Run("DELETE FROM token_keys WHERE id < ?", id);
  });
}

}  // namespace shoal::coordinator
