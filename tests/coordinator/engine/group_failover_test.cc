// Two replicas of a coordinator over one store, and the lead goes from one to
// the other at every change that a round with secure aggregation makes.
#include <array>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/coordinator/engine/round_groups_fixture.h"

namespace shoal::coordinator {
namespace {

using secure_aggregation::CoordinatorTrust;

constexpr absl::Duration kLease = absl::Seconds(3);

// How the lead is lost at a change of the store.
enum class Loss {
  kFails,    // it is not made
  kLost,     // it is made, but its replica does not learn that
  kHasMade,  // it is made, and everything that follows at once
};

class FailoverRound : public RoundGroupsFixture {
 public:
  explicit FailoverRound(CoordinatorTrust coordinator)
      : coordinator_(coordinator) {
    options_.lease_duration = kLease;
    if (coordinator != CoordinatorTrust::kHonest) Certify();
    Restart();
  }
  void TestBody() override {}

  struct Story {
    std::map<int, GroupStep> leave;
    std::vector<int> counted;
    bool burns = false;
  };
  // One leaves before it masks, one before it is asked to unmask.
  static Story Borne() {
    return {{{2, GroupStep::kMask}, {5, GroupStep::kUnmask}},
            {0, 1, 3, 4, 5, 6, 7}};
  }
  // So many leave that the group is burnt, with the masked updates it has.
  static Story Burnt() {
    return {
        {{1, GroupStep::kMask}, {2, GroupStep::kMask}, {3, GroupStep::kMask}},
        {0, 4, 5, 6, 7},
        true};
  }

  // The lead is lost at the n-th change. False when there are fewer.
  bool Run(const Story& story, int n, Loss loss) {
    int changes = 0;
    const auto decide = [&](absl::string_view method) {
      if (!IsChange(method) || ++changes != n) {
        return testing::StoreFault::kNone;
      }
      lead_is_lost_ = true;
      if (loss == Loss::kFails) return testing::StoreFault::kBefore;
      return loss == Loss::kLost ? testing::StoreFault::kAfter
                                 : testing::StoreFault::kNone;
    };
    store_.SetFaults(decide);
    other_store_.SetFaults(decide);
    Tell(story);
    return changes >= n;
  }
  // It is lost whenever devices have spoken so many times.
  void RunWithChanges(const Story& story, int every) {
    lost_after_ = every;
    Tell(story);
    EXPECT_GE(num_changes_of_lead_, 1);
  }

 private:
  static bool IsChange(absl::string_view method) {
    static const std::set<absl::string_view> kChanges = {
        "AppendGroupRows", "CommitSegment", "BurnGroup", "SealRound",
        "RevealRound",     "CommitRound",   "FailRound"};
    return kChanges.contains(method);
  }

  void Tell(const Story& story) {
    configuration::Task task = SecureTask(8);
    task.round.min_reports = 5;
    // Whom a group has lost is waited for by whoever did not see it.
    task.round.deadline = absl::Minutes(5);
    task.round.idle_window = absl::Seconds(30);
    task.secure_aggregation->coordinator = coordinator_;
    Begin(task);
    EngineOptions options = options_;
    options.replica = "replica-2";
    EngineDependencies dependencies{other_store_, *spool_, rng_, log_, nullptr};
    dependencies.verifier = verifier_;
    other_ = Require(RoundEngine::Create(options, dependencies, now_));
    Train(8, story.leave);
    homes_.assign(devices_.size(), 0);
    for (int i = 0; i < 299 && !IsFinal(First().state); ++i) {
      SpeakAll();
      Pass(absl::Seconds(1));
      AdvanceBoth();
    }
    SpeakAll();
    store_.SetFaults(nullptr);
    other_store_.SetFaults(nullptr);
    Check(story);
  }

  RoundEngine& Replica(int which) { return which == 0 ? *engine_ : *other_; }
  void AdvanceBoth() {
    Replica(0).Advance(now_);
    Replica(1).Advance(now_);
  }
  // Whoever leads is away for so long that the other takes over.
  void ChangeLead() {
    ++num_changes_of_lead_;
    leads_ = 1 - leads_;
    Pass(kLease);
    Replica(leads_).Advance(now_);
  }
  // Devices say what they can. Whom a replica sends on turns to the other one.
  void SpeakAll() {
    for (int i = 0; i < 40; ++i) {
      bool spoken = false;
      for (size_t k = 0; k < devices_.size(); ++k) {
        spoken = devices_[k]->Act(Replica(homes_[k]), now_) || spoken;
      }
      AdvanceBoth();
      if (lost_after_ > 0 && spoken && ++times_ % lost_after_ == 0) {
        lead_is_lost_ = true;
      }
      if (std::exchange(lead_is_lost_, false)) {
        ChangeLead();
        AdvanceBoth();
      }
      for (size_t k = 0; k < devices_.size(); ++k) {
        if (!devices_[k]->comes_back()) continue;
        homes_[k] = 1 - homes_[k];
        devices_[k]->Reconnect();
        spoken = true;
      }
      if (!spoken) return;
    }
  }

  void Check(const Story& story) {
    EXPECT_EQ(First().state, RoundState::kCommitted) << First().failure;
    EXPECT_EQ(First().accepted, std::ssize(story.counted));
    ExpectMeanOf(story.counted);
    for (const int i : story.counted) {
      if (story.leave.contains(i)) continue;
      EXPECT_TRUE(devices_[i]->receipt().has_value())
          << i << ": " << devices_[i]->refusal();
    }
    EXPECT_THAT(Faults(), ::testing::IsEmpty());
    // Of each group one sum at most, and of each device.
    std::map<Digest, std::set<std::string>> sums;
    for (const auto& device : devices_) {
      EXPECT_THAT(device->asked(), ::testing::SizeIs(::testing::Le(1)));
      for (const auto& [session, contributors] : device->asked()) {
        sums[session].insert(contributors.begin(), contributors.end());
      }
    }
    for (const auto& [session, contributors] : sums) {
      EXPECT_THAT(contributors, ::testing::SizeIs(1)) << session.ToShortHex();
    }
    const auto groups = Require(memory_->ReadRound(First().id)).groups;
    for (const GroupSummary& group : groups) {
      EXPECT_EQ(sums.contains(group.session), group.burnt.empty())
          << group.burnt;
    }
    if (story.burns) return;
    EXPECT_THAT(groups, ::testing::SizeIs(1));
  }

  const CoordinatorTrust coordinator_;
  testing::FaultyStore other_store_{*memory_};
  std::unique_ptr<RoundEngine> other_;
  std::vector<int> homes_;  // by device
  int leads_ = 0;
  bool lead_is_lost_ = false;
  int lost_after_ = 0;  // 0: never
  int times_ = 0;
  int num_changes_of_lead_ = 0;
};

class GroupFailoverTest : public ::testing::TestWithParam<CoordinatorTrust> {
 protected:
  void LoseTheLeadAtEveryChange(const FailoverRound::Story& story) {
    for (const Loss loss : {Loss::kFails, Loss::kLost, Loss::kHasMade}) {
      int n = 1;
      while (n < 100) {
        SCOPED_TRACE(
            absl::StrCat("change ", n, ", loss ", static_cast<int>(loss)));
        FailoverRound round(GetParam());
        const bool did_lose = round.Run(story, n, loss);
        if (!did_lose || HasFailure()) break;
        ++n;
      }
      EXPECT_GT(n, 6) << "the round makes more changes than that";
      EXPECT_LT(n, 100);
    }
  }
};

TEST_P(GroupFailoverTest, TheRoundGoesOnUnderAnotherLeader) {
  LoseTheLeadAtEveryChange(FailoverRound::Borne());
}

TEST_P(GroupFailoverTest, SoDoesOneWhoseGroupIsBurnt) {
  LoseTheLeadAtEveryChange(FailoverRound::Burnt());
}

TEST_P(GroupFailoverTest, SoItDoesWhenTheLeadChangesAllTheTime) {
  for (const int every : {2, 3, 4}) {
    SCOPED_TRACE(every);
    FailoverRound(GetParam()).RunWithChanges(FailoverRound::Borne(), every);
  }
}

std::string NameOf(const ::testing::TestParamInfo<CoordinatorTrust>& info) {
  static constexpr absl::string_view kTrust[] = {"", "Honest", "SemiMalicious",
                                                 "Malicious"};
  return std::string(kTrust[static_cast<int>(info.param)]);
}

INSTANTIATE_TEST_SUITE_P(Coordinators, GroupFailoverTest,
                         ::testing::Values(CoordinatorTrust::kHonest,
                                           CoordinatorTrust::kSemiMalicious,
                                           CoordinatorTrust::kMalicious),
                         NameOf);

}  // namespace
}  // namespace shoal::coordinator
