// The disk fails to keep the ledger's log after the database has the seal.
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <string>
#include <system_error>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "coordinator/store/sqlite_store.h"
#include "gmock/gmock.h"
#include "tests/coordinator/store/private_rounds.h"
#include "tests/coordinator/store/store_fixture.h"
#include "tests/support/status_matchers.h"

namespace {
bool log_fails = false;
}  // namespace

// In place of the C library's, for the whole program.
extern "C" int fsync(int fd) {
  std::error_code error;
  const std::string path =
      std::filesystem::read_symlink(absl::StrCat("/proc/self/fd/", fd), error);
  if (log_fails && absl::EndsWith(path, ".ledger")) {
    errno = EIO;
    return -1;
  }
  return static_cast<int>(syscall(SYS_fsync, fd));
}

namespace shoal::coordinator {
namespace {

using ::shoal::testing::StatusIs;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr auto kUnavailable = absl::StatusCode::kUnavailable;

TEST(FailingSyncTest, NothingGoesOnBeforeTheLogHasTheSeal) {
  const TemporaryFolder folder;
  const std::string path = folder.path() + "/store.db";
  auto store = Require(OpenSqliteStore(path));
  SHOAL_ASSERT_OK(CreateTaskWith(*store, "a"));
  SHOAL_ASSERT_OK(RunRound(*store, "a", "one", "state 1"));
  const int64_t id = Collect(*store, "a");
  const Lease lease =
      Require(store->AcquireLease("a", "us", Now(), kLeaseTime));
  log_fails = true;
  EXPECT_THAT(
      store->SealRound(lease, id, 1, MakeCharge(1, "two", "begun"), Now()),
      StatusIs(kUnavailable, HasSubstr(".ledger")));
  EXPECT_THAT(store->GetRound(id), StatusIs(kUnavailable));
  EXPECT_THAT(store->RevealRound(lease, id, Now()), StatusIs(kUnavailable));
  EXPECT_THAT(store->AcquireLease("a", "us", Now(), kLeaseTime),
              StatusIs(kUnavailable));
  log_fails = false;

  EXPECT_EQ(Require(store->GetRound(id)).state, RoundState::kSealed);
  const std::string log = Require(ReadFile(path + ".ledger"));
  EXPECT_THAT(log, HasSubstr("\ttwo\t"));
  EXPECT_EQ(log.back(), '\n');
  SHOAL_ASSERT_OK(store->RevealRound(lease, id, Now()));
  SHOAL_ASSERT_OK(Release(*store, id, "state 2"));
  store.reset();
  std::string warning;
  store = Require(OpenSqliteStore(path, &warning));
  EXPECT_EQ(warning, "");
  EXPECT_THAT(EventsOf(*store), ElementsAre("one", "two"));
}

}  // namespace
}  // namespace shoal::coordinator
