// What a restored database has forgotten of rounds that were sealed and not
// committed: what devices had added noise to was seen.
#include <filesystem>
#include <fstream>
#include <optional>
#include <string>
#include <vector>

#include "base/file.h"
#include "gmock/gmock.h"
#include "tests/coordinator/store/restore_fixture.h"
#include "tests/support/system_call_kill.h"

namespace shoal::coordinator {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Where devices add the noise, sums may be seen from the seal on: those of
// `local` noise at once, those of `distributed` when they are revealed.
class SealedTest : public RestoreFixture {
 protected:
  SealedTest() {
    SHOAL_EXPECT_OK(CreateTaskWith(store(), "a"));
    SHOAL_EXPECT_OK(RunRound(store(), "a", "one", "state 1"));
  }
  Lease Lead() {
    return Require(store().AcquireLease("a", "us", Now(), kLeaseTime));
  }
  // Of before the round that was sealed last.
  void ExpectFoundOut(int64_t id, const std::vector<std::string>& events) {
    Restore("backup");
    EXPECT_THAT(warning_, HasSubstr("restored from a backup"));
    EXPECT_EQ(EventsOf(store()), events);
    EXPECT_EQ(StateOf(store(), "a"), "");
    EXPECT_GT(Collect(store(), "a"), id) << "its id is not used again";
  }
};

TEST_F(SealedTest, ChargeIsAddedAgainWithLocalNoise) {
  Backup("backup");
  const int64_t id = Collect(store(), "a");
  SHOAL_ASSERT_OK(Seal(store(), id, MakeCharge(1, "two")));
  ExpectFoundOut(id, {"one", "two"});
}

TEST_F(SealedTest, ChargeIsAddedAgainWithDistributedNoise) {
  Backup("backup");
  const int64_t id = Collect(store(), "a");
  SHOAL_ASSERT_OK(Seal(store(), id, MakeCharge(1, "two")));
  SHOAL_ASSERT_OK(store().RevealRound(Lead(), id, Now()));
  ExpectFoundOut(id, {"one", "two"});
}

TEST_F(SealedTest, ChargeIsAddedAgainWhenUnmaskingHasFailed) {
  Backup("backup");
  const int64_t id = Collect(store(), "a");
  SHOAL_ASSERT_OK(Seal(store(), id, MakeCharge(1, "two")));
  SHOAL_ASSERT_OK(store().RevealRound(Lead(), id, Now()));
  SHOAL_ASSERT_OK(store().FailRound(Lead(), id, "unmasking", Now()));
  ExpectFoundOut(id, {"one", "two"});
}

TEST_F(SealedTest, BackupOfWhileItCollectedIsFoundOut) {
  const int64_t id = Collect(store(), "a");
  Backup("backup");
  SHOAL_ASSERT_OK(Seal(store(), id, MakeCharge(1, "two")));
  Restore("backup");
  EXPECT_THAT(warning_, HasSubstr("1 charge was added again"));
  SHOAL_ASSERT_OK(Seal(store(), id, MakeCharge(2, "two again")));
  EXPECT_THAT(EventsOf(store()), ElementsAre("one", "two", "two again"))
      << "what both lives have seen is paid for";
}

// With min_separation one charge pays for several rounds.
TEST_F(SealedTest, RoundThatWasPaidForIsFoundOutAsWell) {
  Backup("backup");
  const int64_t id = Collect(store(), "a");
  SHOAL_ASSERT_OK(Seal(store(), id, std::nullopt));
  SHOAL_ASSERT_OK(store().RevealRound(Lead(), id, Now()));
  SHOAL_ASSERT_OK(store().FailRound(Lead(), id, "unmasking", Now()));
  Open();
  EXPECT_EQ(warning_, "") << "it is known to have been sealed";
  ExpectFoundOut(id, {"one"});
  Open();
  EXPECT_EQ(warning_, "") << "it is told once";
}

// The database comes first: this is what a crash between the two leaves.
TEST_F(SealedTest, LogGetsWhatACrashHasKeptFromIt) {
  for (const bool is_charged : {true, false}) {
    SCOPED_TRACE(is_charged);
    Backup("backup");
    const std::string log = Require(ReadFile(log_path_));
    const int64_t id = Collect(store(), "a");
    std::optional<NewCharge> charge;
    if (is_charged) charge = MakeCharge(1, "two", "state 2");
    SHOAL_ASSERT_OK(Seal(store(), id, charge));
    store_.reset();
    // The line's newline comes last.
    const std::string after = Require(ReadFile(log_path_));
    ASSERT_GT(after.size(), log.size());
    std::ofstream(log_path_) << after.substr(0, after.size() - 1) << ' ';
    Open();
    EXPECT_EQ(warning_, "");
    EXPECT_EQ(StateOf(store(), "a"), is_charged ? "state 2" : "state 1");
    EXPECT_EQ(EventsOf(store()).size(), is_charged ? 2u : 1u);
    EXPECT_EQ(*ReadFile(log_path_), after);
    Restore("backup");
    EXPECT_THAT(warning_, HasSubstr("restored from a backup"));
    std::ofstream(log_path_) << log;
    Restore("backup");
  }
}

using SealTest = RestoreFixture;

TEST_F(SealTest, IsChargedOnceWhereverACrashComes) {
  if (!testing::CanTrace()) GTEST_SKIP() << "needs the right to trace a child";
  SHOAL_ASSERT_OK(CreateTaskWith(store(), "a"));
  SHOAL_ASSERT_OK(RunRound(store(), "a", "one", "state 1"));
  const int64_t id = Collect(store(), "a");
  Backup("backup");
  store_.reset();
  const std::string log = Require(ReadFile(log_path_));
  const auto begin = [&] {
    for (const char* suffix : {"-wal", "-shm"}) {
      std::filesystem::remove(path_ + suffix);
    }
    Copy(folder_.path() + "/backup", path_);
    std::ofstream(log_path_) << log;
  };
  const auto open = [&] {
    auto store = Require(OpenSqliteStore(path_));
    Require(store->AcquireLease("a", "us", Now(), kLeaseTime));
    return store;
  };
  int stop = 0;
  for (int step = 1 << 12; step > 0; step /= 2) {
    begin();
    const auto work = [&] { open().release(); };
    if (testing::KillAtSystemCall(stop + step, work)) stop += step;
  }
  int sealed = 0;
  int collecting = 0;
  for (bool killed = true; killed; ++stop) {
    SCOPED_TRACE(stop);
    begin();
    killed = testing::KillAtSystemCall(stop, [&] {
      auto store = open();
      Require(Seal(*store, id, MakeCharge(1, "two", "begun")));
      store.release();
    });
    Open();
    EXPECT_EQ(warning_, "") << "a crash is no restore";
    const bool is_sealed = store().GetRound(id)->state == RoundState::kSealed;
    ++(is_sealed ? sealed : collecting);
    EXPECT_EQ(StateOf(store(), "a"), is_sealed ? "begun" : "state 1");
    EXPECT_EQ(EventsOf(store()).size(), is_sealed ? 2u : 1u);
    const std::string now = Require(ReadFile(log_path_));
    EXPECT_EQ(now.find("\ttwo\t") != std::string::npos &&
                  now.find('\n', now.find("\ttwo\t")) != std::string::npos,
              is_sealed);
    ASSERT_FALSE(HasFailure());
    store_.reset();
  }
  EXPECT_GT(collecting, 5);
  EXPECT_GT(sealed, 5);
}

}  // namespace
}  // namespace shoal::coordinator
