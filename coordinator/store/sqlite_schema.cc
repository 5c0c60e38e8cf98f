#include "coordinator/store/sqlite_schema.h"

#include <iterator>
#include <string>

#include "absl/strings/str_cat.h"
#include "base/status_macros.h"

namespace shoal::coordinator {
namespace {

constexpr char kVersion1[] = R"sql(
CREATE TABLE tasks (
  name TEXT NOT NULL PRIMARY KEY,
  population TEXT NOT NULL,
  definition BLOB NOT NULL,
  state INTEGER NOT NULL,
  rounds INTEGER NOT NULL,
  rounds_committed INTEGER NOT NULL,
  rounds_failed INTEGER NOT NULL,
  rounds_failed_in_a_row INTEGER NOT NULL,
  current_model BLOB,
  created INTEGER,
  updated INTEGER,
  note TEXT NOT NULL
) STRICT;

CREATE TABLE leases (
  task TEXT NOT NULL PRIMARY KEY,
  holder TEXT NOT NULL,
  epoch INTEGER NOT NULL,
  expires INTEGER
) STRICT;

CREATE TABLE optimizer_states (
  task TEXT NOT NULL PRIMARY KEY,
  state BLOB NOT NULL
) STRICT;

CREATE TABLE model_blobs (
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  num_bytes INTEGER NOT NULL
) STRICT;

CREATE TABLE model_chunks (
  blob INTEGER NOT NULL,
  chunk INTEGER NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (blob, chunk)
) STRICT;

CREATE TABLE model_versions (
  id INTEGER PRIMARY KEY,
  task TEXT NOT NULL,
  version INTEGER NOT NULL,
  blob INTEGER NOT NULL,
  num_parameters INTEGER NOT NULL,
  round INTEGER NOT NULL,
  parent BLOB,
  created INTEGER,
  contributors INTEGER NOT NULL,
  UNIQUE (task, version)
) STRICT;
CREATE INDEX model_versions_by_blob ON model_versions (blob);

CREATE TABLE rounds (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  task TEXT NOT NULL,
  number INTEGER NOT NULL,
  state INTEGER NOT NULL,
  failure TEXT NOT NULL,
  base_model BLOB,
  cohort INTEGER NOT NULL,
  min_reports INTEGER NOT NULL,
  max_assigned INTEGER NOT NULL,
  norm_bound REAL NOT NULL,
  assigned INTEGER NOT NULL,
  accepted INTEGER NOT NULL,
  opened INTEGER,
  deadline INTEGER,
  finished INTEGER,
  contributors BLOB,
  committed_model BLOB,
  bytes_up INTEGER NOT NULL,
  total_examples INTEGER NOT NULL,
  train_loss REAL,
  train_accuracy REAL,
  median_norm REAL NOT NULL
) STRICT;
CREATE INDEX rounds_by_task ON rounds (task, id);
CREATE UNIQUE INDEX one_unfinished_round ON rounds (task) WHERE state < 5;

CREATE TABLE assignments (
  round INTEGER NOT NULL,
  device TEXT NOT NULL,
  assigned INTEGER,
  outcome TEXT NOT NULL,
  PRIMARY KEY (round, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE segments (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  round INTEGER NOT NULL,
  replica TEXT NOT NULL,
  sum BLOB NOT NULL
) STRICT;
CREATE INDEX segments_by_round ON segments (round);

CREATE TABLE contributions (
  round INTEGER NOT NULL,
  device TEXT NOT NULL,
  update_digest BLOB,
  segment INTEGER NOT NULL,
  weight INTEGER NOT NULL,
  norm REAL NOT NULL,
  PRIMARY KEY (round, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
  id TEXT NOT NULL PRIMARY KEY,
  name TEXT NOT NULL DEFAULT '',
  population TEXT NOT NULL DEFAULT '',
  enrolled INTEGER,
  last_seen INTEGER,
  certificate_expires INTEGER,
  contributions INTEGER NOT NULL DEFAULT 0,
  sdk_version TEXT NOT NULL DEFAULT '',
  num_examples INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_by_name ON devices (name);

CREATE TABLE populations (
  name TEXT NOT NULL PRIMARY KEY,
  committed_rounds INTEGER NOT NULL
) STRICT;

CREATE TABLE participations (
  population TEXT NOT NULL,
  device TEXT NOT NULL,
  last_contribution INTEGER NOT NULL,
  PRIMARY KEY (population, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE invitations (
  token_hash BLOB NOT NULL PRIMARY KEY,
  uses_left INTEGER,
  expires INTEGER,
  label TEXT NOT NULL,
  created INTEGER
) STRICT;

CREATE TABLE token_keys (
  id INTEGER PRIMARY KEY,
  key BLOB NOT NULL,
  created INTEGER
) STRICT;
)sql";

constexpr char kVersion2[] = R"sql(
CREATE TABLE invitation_uses (
  token_hash BLOB NOT NULL REFERENCES invitations,
  device TEXT NOT NULL,
  PRIMARY KEY (token_hash, device)
) STRICT, WITHOUT ROWID;
)sql";

constexpr char kVersion3[] = R"sql(
CREATE TABLE forgotten_devices (
  fingerprint BLOB NOT NULL PRIMARY KEY
) STRICT, WITHOUT ROWID;

CREATE TABLE withdrawals (
  round INTEGER NOT NULL,
  device TEXT NOT NULL,
  PRIMARY KEY (round, device)
) STRICT, WITHOUT ROWID;
)sql";

// Asynchronous rounds: their sums hold updates of earlier rounds' assignments.
// counted_in is NULL where the sum is that of the assignment's own round.
constexpr char kVersion4[] = R"sql(
ALTER TABLE rounds ADD COLUMN asynchronous INTEGER NOT NULL DEFAULT 0;
CREATE INDEX rounds_by_number ON rounds (task, number);
ALTER TABLE contributions ADD COLUMN counted_in INTEGER;
CREATE INDEX contributions_counted_later ON contributions (counted_in)
  WHERE counted_in IS NOT NULL;
)sql";

// Secure aggregation: what has happened to the groups of a round, row by row,
// and the masked sums of each.
constexpr char kVersion5[] = R"sql(
CREATE TABLE group_rows (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  round INTEGER NOT NULL,
  session BLOB NOT NULL,
  place INTEGER NOT NULL,
  row BLOB NOT NULL,
  UNIQUE (round, session, place)
) STRICT;
ALTER TABLE segments ADD COLUMN session BLOB;
ALTER TABLE segments ADD COLUMN bytes_up INTEGER NOT NULL DEFAULT 0;
)sql";

// Privacy, and faults of devices. A charge has its name in every copy of the
// database and in the ledger's log; its id is the order of this one. Only tasks
// with a privacy_budget have task_participations.
constexpr char kVersion6[] = R"sql(
ALTER TABLE tasks ADD COLUMN privacy_budget TEXT NOT NULL DEFAULT '';

CREATE TABLE privacy_budgets (
  population TEXT NOT NULL PRIMARY KEY,
  budget TEXT NOT NULL
) STRICT;

CREATE TABLE privacy_charges (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  name TEXT NOT NULL UNIQUE,
  population TEXT NOT NULL,
  task TEXT NOT NULL,
  round INTEGER NOT NULL,
  event BLOB NOT NULL,
  charged INTEGER
) STRICT;
CREATE INDEX privacy_charges_by_population ON privacy_charges (population);

CREATE TABLE mechanism_states (
  task TEXT NOT NULL PRIMARY KEY,
  state BLOB NOT NULL
) STRICT;

CREATE TABLE ledger_log (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  database TEXT NOT NULL,
  position BLOB NOT NULL
) STRICT;

CREATE TABLE task_participations (
  task TEXT NOT NULL,
  device TEXT NOT NULL,
  last_version INTEGER NOT NULL,
  PRIMARY KEY (task, device)
) STRICT, WITHOUT ROWID;

CREATE TABLE device_faults (
  device TEXT NOT NULL,
  round INTEGER NOT NULL,
  at INTEGER,
  what TEXT NOT NULL,
  PRIMARY KEY (device, round)
) STRICT, WITHOUT ROWID;
CREATE INDEX device_faults_by_round ON device_faults (round);
CREATE INDEX device_faults_by_time ON device_faults (at);

CREATE TABLE group_summaries (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  round INTEGER NOT NULL,
  session BLOB NOT NULL,
  members INTEGER NOT NULL,
  lost_sharing INTEGER NOT NULL,
  lost_masking INTEGER NOT NULL,
  lost_consistency INTEGER NOT NULL,
  lost_unmasking INTEGER NOT NULL,
  burnt TEXT NOT NULL,
  UNIQUE (round, session)
) STRICT;
)sql";

// Row n turns version n into version n + 1; rows are never changed.
constexpr const char* kMigrations[] = {kVersion1, kVersion2, kVersion3,
                                       kVersion4, kVersion5, kVersion6};

absl::StatusOr<int64_t> ReadNumber(SqliteDatabase& database,
                                   absl::string_view sql) {
  int64_t value = 0;
  SqliteQuery query = database.Query(sql);
  while (query.Next()) query.Read(value);
  SHOAL_RETURN_IF_ERROR(query.status());
  return value;
}

absl::Status Migrate(SqliteDatabase& database, int64_t from) {
  return database.Transaction(Durability::kAtOnce, [&]() -> absl::Status {
    SHOAL_RETURN_IF_ERROR(database.Execute(kMigrations[from]));
    return database.Execute(
        absl::StrCat("PRAGMA application_id = ", kApplicationId,
                     "; PRAGMA user_version = ", from + 1));
  });
}

}  // namespace

int64_t SchemaVersion() { return std::size(kMigrations); }

absl::Status PrepareSchema(SqliteDatabase& database, absl::string_view path) {
  SHOAL_ASSIGN_OR_RETURN(const int64_t application,
                         ReadNumber(database, "PRAGMA application_id"));
  SHOAL_ASSIGN_OR_RETURN(const int64_t version,
                         ReadNumber(database, "PRAGMA user_version"));
  SHOAL_ASSIGN_OR_RETURN(
      const int64_t tables,
      ReadNumber(database, "SELECT count(*) FROM sqlite_schema"));
  const bool fresh = application == 0 && version == 0 && tables == 0;
  if (!fresh && application != kApplicationId) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": this is a database of another program (application id ",
        application, ", ours is ", kApplicationId, ")"));
  }
  if (version > SchemaVersion()) {
    return absl::FailedPreconditionError(absl::StrCat(
        path, ": its schema has version ", version, ", this program knows ",
        SchemaVersion(), " at most: use a newer program"));
  }
  for (int64_t from = version; from < SchemaVersion(); ++from) {
    SHOAL_RETURN_IF_ERROR(Migrate(database, from));
  }
  return absl::OkStatus();
}

}  // namespace shoal::coordinator
