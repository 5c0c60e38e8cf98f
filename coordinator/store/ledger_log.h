// The log of a store's ledger, beside its database: what was charged to
// populations, and which rounds with privacy were sealed and released. Nothing
// is ever taken out of it, so that it knows what a database that was restored
// from a backup has forgotten. The page docs/reference/store.md describes the
// lines.
#ifndef SHOAL_COORDINATOR_STORE_LEDGER_LOG_H_
#define SHOAL_COORDINATOR_STORE_LEDGER_LOG_H_

#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/types/span.h"
#include "base/digest.h"
#include "coordinator/engine/rows.h"

namespace shoal::coordinator {

struct LedgerCharge {
  std::string name;    // what it is called in the log and in every database
  std::string budget;  // of its population
  ChargeRow row;       // without its id, which differs between databases
};

// A round that was sealed without a charge: an earlier one has paid for it. The
// others' charges say as much.
struct LedgerSeal {
  std::string task;
  int64_t round_id = 0;
};

// A round that is released, or was about to be.
struct LedgerRelease {
  std::string task;
  int64_t round_id = 0;
  Digest model;  // that it makes
};

using LedgerEntry = std::variant<LedgerCharge, LedgerSeal, LedgerRelease>;

int64_t RoundOf(const LedgerEntry& entry);

struct LedgerLine {
  LedgerEntry entry;
  Digest end;  // names the log up to here: a digest of all its lines so far
};

// The file, open for more. Thread-compatible.
class LedgerLog {
 public:
  struct Contents;
  // Leaves out the last line when a crash has kept it from being written as a
  // whole. NOT_FOUND; DATA_LOSS when another line is damaged;
  // FAILED_PRECONDITION when the log is a newer program's.
  static absl::StatusOr<Contents> Open(const std::string& path);
  // A new log, readable by its owner alone, in place of what is there. The
  // database's name has no white space.
  static absl::StatusOr<std::unique_ptr<LedgerLog>> Create(
      const std::string& path, const std::string& database,
      absl::Span<const LedgerEntry> entries);
  ~LedgerLog();
  LedgerLog(const LedgerLog&) = delete;
  LedgerLog& operator=(const LedgerLog&) = delete;

  // Takes the room of these entries, which are not there before Confirm() says
  // so, after a crash neither; in place of those that were prepared before.
  // RESOURCE_EXHAUSTED when the disk is full, UNAVAILABLE when it fails.
  absl::Status Prepare(absl::Span<const LedgerEntry> entries);
  // Adds what was prepared and waits for the disk; errors as Prepare(), though
  // few disks are full by now. It may be called again when it has failed; after
  // a crash some of the entries may be there. REQUIRES: Prepare() was called,
  // and nothing was added since.
  absl::Status Confirm();
  // Both. When it fails the log holds what it held.
  absl::Status Append(absl::Span<const LedgerEntry> entries);

  // What the database is called whose log it is.
  const std::string& database() const { return database_; }
  const Digest& end() const { return end_; }

 private:
  LedgerLog(std::string path, int fd, std::string database, int64_t size,
            const Digest& end);
  static absl::StatusOr<std::unique_ptr<LedgerLog>> OpenForMore(
      const std::string& path, std::string database, int64_t size,
      const Digest& end);
  // Behind the lines.
  absl::Status Write(absl::string_view bytes);

  const std::string path_;
  const int fd_;
  const std::string database_;
  int64_t size_;  // of the lines; behind them may be what a crash has left
  Digest end_;
  std::string prepared_;  // lines
  Digest prepared_end_;   // the log's with them
};

struct LedgerLog::Contents {
  std::unique_ptr<LedgerLog> log;
  Digest begin;  // its end while it had no lines
  std::vector<LedgerLine> lines;
};

}  // namespace shoal::coordinator

#endif  // SHOAL_COORDINATOR_STORE_LEDGER_LOG_H_
