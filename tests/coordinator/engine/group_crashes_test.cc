// The coordinator crashes before and after every change that a round with
// secure aggregation makes to its store, and goes on from the rows.
#include <string>

#include "base/file.h"
#include "coordinator/store/sqlite_store.h"
#include "tests/coordinator/engine/round_groups_fixture.h"

namespace shoal::coordinator {
namespace {

// The folder goes after the store.
struct Place {
  TemporaryFolder folder;
};

std::unique_ptr<RoundStore> StoreFor(bool in_memory, const Place& place) {
  if (in_memory) return MakeMemoryStore();
  return Require(OpenSqliteStore(place.folder.path() + "/store.db"));
}

class CrashingRound : public Place, public RoundGroupsFixture {
 public:
  explicit CrashingRound(bool in_memory)
      : RoundGroupsFixture(StoreFor(in_memory, *this)) {}
  void TestBody() override {}

  // With one device that leaves before it is asked to unmask, and one before
  // it masks, and a crash at the n-th change. False when there are fewer.
  bool Run(int n, testing::StoreFault fault) {
    int changes = 0;
    bool crashed = false;
    store_.SetError(absl::UnavailableError("the process is dead"));
    store_.SetFaults([&](absl::string_view method) {
      if (crashed) return testing::StoreFault::kBefore;
      const bool is_change = method == "AppendGroupRows" ||
                             method == "CommitSegment" ||
                             method == "SealRound" || method == "RevealRound" ||
                             method == "CommitRound";
      if (!is_change || ++changes != n) return testing::StoreFault::kNone;
      crashed = true;
      return fault;
    });
    Begin(SecureTask(8));
    Train(8, {{2, GroupStep::kMask}, {5, GroupStep::kUnmask}});
    for (int i = 0; i < 60 && !crashed; ++i) {
      Exchange();
      Pass(absl::Seconds(1));
      Advance();
    }
    const bool did_crash = crashed;
    store_.SetFaults(nullptr);
    if (did_crash) {
      Restart();
      for (auto& device : devices_) device->Reconnect();
      RunToEnd();
    }
    EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
    EXPECT_EQ(First().accepted, 7);
    ExpectMeanOf(AllBut(8, {2}));
    for (const int i : AllBut(8, {2, 5})) {
      EXPECT_TRUE(devices_[i]->receipt().has_value())
          << i << ": " << devices_[i]->refusal();
      EXPECT_EQ(devices_[i]->num_afresh(), 0);
    }
    return did_crash;
  }
};

class GroupCrashesTest : public ::testing::TestWithParam<bool> {};

TEST_P(GroupCrashesTest, TheRoundGoesOnAfterACrashAtEveryChange) {
  for (const auto fault :
       {testing::StoreFault::kBefore, testing::StoreFault::kAfter}) {
    int n = 1;
    while (n < 100) {
      SCOPED_TRACE(std::to_string(n) + (fault == testing::StoreFault::kBefore
                                            ? " before"
                                            : " after"));
      CrashingRound round(GetParam());
      if (!round.Run(n, fault) || HasFailure()) break;
      ++n;
    }
    EXPECT_GT(n, 8) << "the round makes more changes than that";
    EXPECT_LT(n, 100);
  }
}

INSTANTIATE_TEST_SUITE_P(Stores, GroupCrashesTest, ::testing::Bool(),
                         [](const auto& info) {
                           return info.param ? "Memory" : "Sqlite";
                         });

}  // namespace
}  // namespace shoal::coordinator
