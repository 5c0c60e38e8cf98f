#include "coordinator/store/sqlite_error.h"

#include <sqlite3.h>

#include <cerrno>
#include <string>

#include "tests/support/status_matchers.h"

namespace shoal::coordinator {
namespace {

using ::shoal::testing::StatusIs;

struct Case {
  int code;
  int system_error;
  absl::StatusCode expected;
};

TEST(SqliteStatus, MeansWhatTheCallerCanDo) {
  using enum absl::StatusCode;
  for (const Case& c : {
           Case{SQLITE_FULL, 0, kResourceExhausted},
           Case{SQLITE_IOERR_WRITE, EIO, kResourceExhausted},
           Case{SQLITE_IOERR_SHMSIZE, 0, kResourceExhausted},
           Case{SQLITE_IOERR_FSYNC, ENOSPC, kResourceExhausted},
           Case{SQLITE_IOERR_FSYNC, EIO, kUnavailable},
           Case{SQLITE_IOERR_READ, EIO, kUnavailable},
           Case{SQLITE_IOERR_SHORT_READ, 0, kDataLoss},
           Case{SQLITE_BUSY, 0, kUnavailable},
           Case{SQLITE_BUSY_SNAPSHOT, 0, kUnavailable},
           Case{SQLITE_CORRUPT, 0, kDataLoss},
           Case{SQLITE_CORRUPT_INDEX, 0, kDataLoss},
           Case{SQLITE_NOTADB, 0, kDataLoss},
           Case{SQLITE_READONLY_DBMOVED, 0, kPermissionDenied},
           Case{SQLITE_CANTOPEN, EACCES, kPermissionDenied},
           Case{SQLITE_TOOBIG, 0, kInvalidArgument},
           Case{SQLITE_CONSTRAINT_UNIQUE, 0, kInternal},
       }) {
    EXPECT_THAT(SqliteStatus(c.code, c.system_error, "p", "m"),
                StatusIs(c.expected))
        << sqlite3_errstr(c.code) << " " << c.code;
  }
}

TEST(SqliteStatus, NamesPathMessageAndSystemError) {
  EXPECT_THAT(
      SqliteStatus(SQLITE_FULL, ENOSPC, "/d/x.db", "disk is full"),
      StatusIs(absl::StatusCode::kResourceExhausted,
               std::string("/d/x.db: disk is full (No space left on device)")));
}

}  // namespace
}  // namespace shoal::coordinator
