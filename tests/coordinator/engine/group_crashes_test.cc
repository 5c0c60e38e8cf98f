// The coordinator crashes before and after every change that a round with
// secure aggregation makes to its store, and goes on from the rows.
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file.h"
#include "coordinator/store/sqlite_store.h"
#include "privacy/secure_aggregation/messages.h"
#include "tests/coordinator/engine/round_groups_fixture.h"

namespace shoal::coordinator {
namespace {

using secure_aggregation::CoordinatorTrust;

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
  CrashingRound(bool in_memory, CoordinatorTrust coordinator)
      : RoundGroupsFixture(StoreFor(in_memory, *this)),
        coordinator_(coordinator) {}
  void TestBody() override {}

  // What happens to the devices of a round, and who is in its sum.
  struct Story {
    std::map<int, GroupStep> leave;
    std::vector<int> counted;
    int num_afresh = 0;
    int liar = -1;  // none
    // To us with its shares, to one holder with them, or with its upload.
    enum { kShares, kDealing, kUpload } lie = kShares;
  };
  // One leaves before it masks, one before it is asked to unmask.
  Story Borne() {
    return {
        {{2, GroupStep::kMask}, {5, GroupStep::kUnmask}}, AllBut(8, {2}), 0};
  }
  // So many leave that the group is burnt, with the masked updates it has.
  Story Burnt() {
    return {
        {{1, GroupStep::kMask}, {2, GroupStep::kMask}, {3, GroupStep::kMask}},
        AllBut(8, {1, 2, 3}),
        1};
  }

  // A liar is found out on arrival.
  Story Lied() {
    Story story = {{{5, GroupStep::kUnmask}}, AllBut(8, {2}), 0};
    story.liar = 2;
    return story;
  }
  // A liar is found out after its vectors were added: the group is burnt.
  Story DealtBadShares() {
    Story story = {{}, AllBut(8, {2}), 1};
    story.liar = 2;
    story.lie = Story::kDealing;
    return story;
  }
  // A liar is found out before its group knows.
  Story UploadedNonsense() {
    Story story = Lied();
    story.lie = Story::kUpload;
    return story;
  }

  // With a crash at the n-th change. False when there are fewer.
  bool Run(const Story& story, int n, testing::StoreFault fault) {
    int changes = 0;
    bool crashed = false;
    store_.SetError(absl::UnavailableError("the process is dead"));
    store_.SetFaults([&](absl::string_view method) {
      if (crashed) return testing::StoreFault::kBefore;
      const bool is_change =
          method == "AppendGroupRows" || method == "CommitSegment" ||
          method == "BurnGroup" || method == "SealRound" ||
          method == "RevealRound" || method == "RecordFault" ||
          method == "RecordOutcome" || method == "CommitRound";
      if (!is_change || ++changes != n) return testing::StoreFault::kNone;
      crashed = true;
      return fault;
    });
    configuration::Task task = SecureTask(8);
    task.round.min_reports = 5;
    task.round.deadline = absl::Minutes(3);
    task.secure_aggregation->coordinator = coordinator_;
    if (coordinator_ != CoordinatorTrust::kHonest) Certify();
    Begin(task);
    Train(8, story.leave);
    if (story.liar >= 0) MakeLie(*devices_[story.liar], story);
    for (int i = 0; i < 170 && !crashed; ++i) {
      Exchange();
      if (IsFinal(First().state)) break;
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
    EXPECT_EQ(First().accepted, std::ssize(story.counted));
    ExpectMeanOf(story.counted);
    for (const int i : story.counted) {
      if (story.leave.contains(i)) continue;
      EXPECT_TRUE(devices_[i]->receipt().has_value())
          << i << ": " << devices_[i]->refusal();
      EXPECT_EQ(devices_[i]->num_afresh(), story.num_afresh);
    }
    ExpectBlame(story);
    return did_crash;
  }

 private:
  static void MakeLie(GroupDevice& device, const Story& story) {
    if (story.lie == Story::kUpload) {
      return device.ChangeUpload([](const std::string& upload) {
        return std::string(upload.size(), 'x');
      });
    }
    const bool deals = story.lie == Story::kDealing;
    device.ChangeMessages([deals](GroupStep step, std::string message) {
      if (step != GroupStep::kShares) return message;
      if (!deals) return std::string("nonsense");
      auto said = Require(secure_aggregation::DecodeDeviceMessage(message));
      auto& shares = std::get<secure_aggregation::Shares>(said);
      for (auto& holder : shares.holders) {
        if (holder.sealed.empty()) continue;  // itself
        // Whoever that is finds that it got something else.
        holder.key_share_hash = Sha256("another share");
        break;
      }
      return secure_aggregation::Encode(said);
    });
  }
  // Whoever lied, and nobody else, in rows that stay.
  void ExpectBlame(const Story& story) {
    const std::vector<FaultRow> faults =
        Require(memory_->ListFaults("", First().id, 100));
    if (story.liar < 0) {
      EXPECT_THAT(faults, ::testing::IsEmpty());
      return;
    }
    ASSERT_THAT(faults, ::testing::SizeIs(1));
    EXPECT_EQ(faults[0].device_id, Device(story.liar).id);
    static constexpr const char* kWhat[] = {
        "lost it at sharing: ", "lost it at masking: what it dealt",
        "in its masked upload: "};
    EXPECT_THAT(faults[0].what, ::testing::HasSubstr(kWhat[story.lie]));
    EXPECT_EQ(OutcomeOf(story.liar, First().id), "refused: group_fault");
    const auto groups = Require(memory_->ReadRound(First().id)).groups;
    const bool burns = story.lie == Story::kDealing;
    ASSERT_THAT(groups, ::testing::SizeIs(burns ? 2 : 1));
    EXPECT_EQ(groups[0].burnt.empty(), !burns);
  }

  const CoordinatorTrust coordinator_;
};

struct Setting {
  bool in_memory;
  CoordinatorTrust coordinator;
};

class GroupCrashesTest : public ::testing::TestWithParam<Setting> {
 protected:
  void CrashAtEveryChange(
      const std::function<CrashingRound::Story(CrashingRound&)>& story) {
    for (const auto fault :
         {testing::StoreFault::kBefore, testing::StoreFault::kAfter}) {
      int n = 1;
      while (n < 100) {
        SCOPED_TRACE(std::to_string(n) + (fault == testing::StoreFault::kBefore
                                              ? " before"
                                              : " after"));
        CrashingRound round(GetParam().in_memory, GetParam().coordinator);
        const bool did_crash = round.Run(story(round), n, fault);
        if (!did_crash || HasFailure()) break;
        ++n;
      }
      EXPECT_GT(n, 8) << "the round makes more changes than that";
      EXPECT_LT(n, 100);
    }
  }
};

TEST_P(GroupCrashesTest, TheRoundGoesOnAfterACrashAtEveryChange) {
  CrashAtEveryChange([](CrashingRound& round) { return round.Borne(); });
}

TEST_P(GroupCrashesTest, SoDoesOneWhoseGroupIsBurnt) {
  CrashAtEveryChange([](CrashingRound& round) { return round.Burnt(); });
}

TEST_P(GroupCrashesTest, ALiarIsNamedOnceAndNobodyElseIs) {
  CrashAtEveryChange([](CrashingRound& round) { return round.Lied(); });
}

// Where shares are signed, they would give it away on arrival.
class UnsignedGroupCrashesTest : public GroupCrashesTest {};

TEST_P(UnsignedGroupCrashesTest, SoIsALiarThatBurnsItsGroup) {
  CrashAtEveryChange(
      [](CrashingRound& round) { return round.DealtBadShares(); });
}

// (That is found out in the same way wherever.)
TEST_P(UnsignedGroupCrashesTest, SoIsOneWhoseUploadIsNonsense) {
  CrashAtEveryChange(
      [](CrashingRound& round) { return round.UploadedNonsense(); });
}

std::vector<Setting> AllSettings() {
  return {{true, CoordinatorTrust::kHonest},
          {true, CoordinatorTrust::kSemiMalicious},
          {true, CoordinatorTrust::kMalicious},
          {false, CoordinatorTrust::kHonest},
          {false, CoordinatorTrust::kSemiMalicious},
          {false, CoordinatorTrust::kMalicious}};
}

std::string NameOf(const ::testing::TestParamInfo<Setting>& info) {
  static constexpr absl::string_view kTrust[] = {"", "Honest", "SemiMalicious",
                                                 "Malicious"};
  return absl::StrCat(info.param.in_memory ? "Memory" : "Sqlite",
                      kTrust[static_cast<int>(info.param.coordinator)]);
}

INSTANTIATE_TEST_SUITE_P(Stores, GroupCrashesTest,
                         ::testing::ValuesIn(AllSettings()), NameOf);
INSTANTIATE_TEST_SUITE_P(
    Stores, UnsignedGroupCrashesTest,
    ::testing::Values(Setting{true, CoordinatorTrust::kHonest},
                      Setting{false, CoordinatorTrust::kHonest}),
    NameOf);

}  // namespace
}  // namespace shoal::coordinator
