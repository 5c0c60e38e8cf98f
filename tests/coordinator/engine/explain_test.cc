#include "coordinator/engine/explain.h"

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace shoal::coordinator {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const absl::Time kStart = absl::FromUnixSeconds(1'700'000'000);

class ExplainTest : public ::testing::Test {
 protected:
  ExplainTest() {
    task_.name = "digits";
    task_.population = "handwriting";
    task_.round.cohort = 16;
    task_.round.min_reports = 12;
    task_.round.over_selection = 1.6;
    task_.round.deadline = absl::Seconds(60);
    task_.rounds = 100;
    round_.id = 7;
    round_.number = 4;
    round_.task = "digits";
    round_.cohort = 16;
    round_.min_reports = 12;
    round_.max_assigned = 26;
    round_.opened = kStart;
    round_.deadline = kStart + absl::Seconds(61);
    round_.finished = kStart + absl::Seconds(62);
  }
  void Add(int count, const std::string& outcome) {
    for (int i = 0; i < count; ++i) {
      AssignmentRow row;
      row.device_id = absl::StrCat("device", assignments_.size());
      row.outcome = outcome;
      assignments_.push_back(row);
    }
    round_.assigned += count;
    if (absl::StartsWith(outcome, "contributed")) round_.accepted += count;
  }
  void Refuse(int count, protocol::RefusalCode code,
              const std::string& sentence) {
    notices_.refused.push_back({code, count, sentence});
  }
  RoundStory Story() const {
    return {round_,   assignments_, task_row_, task_,
            notices_, staleness_,   groups_,   faults_};
  }
  std::string Explain() const { return ExplainRound(Story(), now_); }

  configuration::Task task_;
  TaskRow task_row_;
  TaskNotices notices_;
  RoundRow round_;
  std::vector<AssignmentRow> assignments_;
  std::map<int64_t, int64_t> staleness_;
  std::vector<GroupSummary> groups_;
  std::vector<FaultRow> faults_;
  absl::Time now_ = kStart + absl::Seconds(21);
};

TEST_F(ExplainTest, CommittedRoundTellsWhatBecameOfEverybody) {
  round_.state = RoundState::kCommitted;
  round_.committed_model = Sha256("model");
  Add(15, "contributed");
  Add(7, "");
  Add(3, "abandoned: energy");
  Add(1, "refused: norm_bound");
  EXPECT_EQ(
      Explain(),
      absl::StrCat(
          "Round 7 needed 16 reports, admitted 26 devices, accepted 15: "
          "7 silent, 3 stopped on energy, 1 refused (norm bound). It "
          "committed model version 4 (",
          Sha256("model").ToShortHex(),
          ") from 15 reports 1 min 1 s after its first device was admitted. "
          "The next round starts from that version."));
}

TEST_F(ExplainTest, ContributorsThatDidLessAreCountedByWhatTheyLacked) {
  round_.state = RoundState::kCommitted;
  Add(10, "contributed");
  Add(4, "contributed: energy");
  Add(2, "contributed: conditions");
  EXPECT_THAT(Explain(),
              HasSubstr("accepted 16. Of those accepted, 6 did less work than "
                        "planned: 2 for lack of conditions that allow work, 4 "
                        "for lack of energy. It committed"));
}

TEST_F(ExplainTest, GroupsAreCountedWithWhatTheyLostAndWhyTheyWereBurnt) {
  round_.state = RoundState::kCommitted;
  Add(16, "contributed");
  groups_ = {{Sha256("a"), 9, {0, 5, 0, 0}, "only 4 members sent masked input"},
             {Sha256("b"), 8, {1, 0, 0, 0}, ""},
             {Sha256("c"), 8, {0, 0, 0, 2}, ""}};
  EXPECT_THAT(
      Explain(),
      HasSubstr("accepted 16. It formed 3 groups of 25 devices in all, of "
                "which 1 was burnt (only 4 members sent masked input). They "
                "lost 8 devices: 1 at sharing, 5 at masking, 2 at unmasking. "
                "It committed"));
  groups_ = {{Sha256("b"), 8, {}, ""}};
  EXPECT_THAT(Explain(),
              HasSubstr("It formed 1 group of 8 devices in all. It committed"));
}

TEST_F(ExplainTest, OnlyTheLastReasonsOfBurntGroupsAreNamed) {
  round_.state = RoundState::kFailed;
  for (const char* why : {"one", "two", "three", "four"}) {
    groups_.push_back({Sha256(why), 4, {}, why});
  }
  EXPECT_THAT(Explain(), HasSubstr("4 were burnt (two; three; four)."));
}

TEST_F(ExplainTest, WhoBrokeTheProtocolIsNamed) {
  round_.state = RoundState::kCommitted;
  Add(16, "contributed");
  faults_ = {{"d3", 7, kStart, "on joining a group: one key for two"}};
  EXPECT_THAT(Explain(),
              HasSubstr("accepted 16. 1 device broke the protocol of secure "
                        "aggregation: device d3 on joining a group: one key "
                        "for two. It committed"));
  faults_.assign(6, faults_[0]);
  EXPECT_THAT(Explain(), HasSubstr("6 devices broke the protocol"));
  EXPECT_THAT(Explain(), HasSubstr("for two; and others. It committed"));
}

TEST_F(ExplainTest, LastRoundSaysSo) {
  round_.state = RoundState::kCommitted;
  round_.number = 100;
  Add(16, "contributed");
  EXPECT_THAT(Explain(), HasSubstr("last round"));
}

TEST_F(ExplainTest, OpenRoundWaitsForDevices) {
  round_.state = RoundState::kOpen;
  EXPECT_EQ(Explain(),
            "Round 7 needed 16 reports, admitted 0 devices, accepted 0. It has "
            "been open for 21 s and no device of population 'handwriting' has "
            "been admitted. It waits without a deadline until devices check "
            "in.");
}

TEST_F(ExplainTest, OpenRoundNamesWhyDevicesThatAskAreRefused) {
  round_.state = RoundState::kOpen;
  Refuse(9, protocol::RefusalCode::kNotEligible, "the device has no examples");
  Refuse(1, protocol::RefusalCode::kMinSeparation,
         "the device has to sit out 2 more rounds");
  EXPECT_THAT(
      Explain(),
      HasSubstr("has been admitted. 10 check-ins were refused: 9 not eligible "
                "(the device has no examples), 1 min separation (the device "
                "has to sit out 2 more rounds). Read the sentence: raise the "
                "memory limit that it names"));
  EXPECT_THAT(Explain(), Not(HasSubstr("until devices check in")));
}

TEST_F(ExplainTest, OpenRoundOfAPausedTaskSaysSo) {
  round_.state = RoundState::kOpen;
  task_row_.state = TaskState::kPaused;
  EXPECT_THAT(Explain(), HasSubstr("The task is paused: nobody is admitted "
                                   "until `shoalctl task resume digits`."));
  EXPECT_THAT(Explain(), Not(HasSubstr("until devices check in")));
}

TEST_F(ExplainTest, CollectingRoundNamesRefusalsWhileItHasRoom) {
  round_.state = RoundState::kCollecting;
  Add(1, "");
  Refuse(1, protocol::RefusalCode::kNotEligible, "the device has no examples");
  EXPECT_THAT(Explain(), HasSubstr("1 check-in was refused: 1 not eligible"));
  Add(25, "");
  EXPECT_THAT(Explain(), Not(HasSubstr("not eligible")));
}

TEST_F(ExplainTest, NothingFollowsTheLastRoundOfAStoppedTask) {
  round_.state = RoundState::kCommitted;
  task_row_.state = TaskState::kStopped;
  task_row_.rounds_committed = 4;
  EXPECT_THAT(Explain(), HasSubstr("stopped since: no round follows"));
  task_row_.rounds_committed = 5;
  EXPECT_THAT(Explain(), HasSubstr("The next round starts from that version"));
}

TEST_F(ExplainTest, EmptinessIsTroubleOnlyWhenDevicesAreRefused) {
  round_.state = RoundState::kOpen;
  EXPECT_EQ(ExplainEmptiness(Story()), "");
  Refuse(3, protocol::RefusalCode::kNotEligible, "the device has no examples");
  EXPECT_THAT(ExplainEmptiness(Story()),
              HasSubstr("Round 7 is open and has admitted nobody. 3 check-ins "
                        "were refused: 3 not eligible"));
  task_row_.state = TaskState::kPaused;
  EXPECT_EQ(ExplainEmptiness(Story()), "");
  task_row_.state = TaskState::kActive;
  round_.state = RoundState::kCollecting;
  EXPECT_EQ(ExplainEmptiness(Story()), "");
}

TEST_F(ExplainTest, CollectingRoundTellsWhatIsMissingAndUntilWhen) {
  round_.state = RoundState::kCollecting;
  Add(10, "contributed");
  Add(5, "");
  EXPECT_EQ(Explain(),
            "Round 7 needed 16 reports, admitted 15 devices, accepted 10: 5 "
            "still at work. It waits for 6 more reports, at least 12 in all by "
            "its deadline in 40 s.");
}

// 26 places, of which nobody is admitted to one that was lost.
TEST_F(ExplainTest, LostPlacesBoundWhatACollectingRoundCanHave) {
  round_.state = RoundState::kCollecting;
  Add(5, "contributed");
  Add(2, "");
  Add(10, "abandoned: energy");
  EXPECT_THAT(Explain(), HasSubstr("It waits for 11 more reports, at least 12 "
                                   "in all by its deadline in 40 s."));
  Add(3, "refused: norm_bound");
  EXPECT_THAT(Explain(),
              HasSubstr("With 13 of its 26 places lost it can have 13 reports "
                        "at most; it needs 12 and is sealed when no more "
                        "can come, or at its deadline in 40 s."));
  Add(2, "abandoned: energy");
  EXPECT_THAT(Explain(),
              HasSubstr("With 15 of its 26 places lost it can have 11 reports "
                        "at most, too few for the 12 that it must have: it "
                        "fails when no more can come, or at its deadline in "
                        "40 s."));
}

TEST_F(ExplainTest, SealedRoundIsBeingComputed) {
  round_.state = RoundState::kSealed;
  Add(16, "contributed");
  EXPECT_THAT(Explain(), HasSubstr("sealed with 16 reports"));
}

TEST_F(ExplainTest, FullDiskHoldsUpASealedRound) {
  round_.state = RoundState::kSealed;
  Add(16, "contributed");
  notices_.held_up = absl::ResourceExhaustedError("shoal.db: disk is full");
  EXPECT_THAT(Explain(),
              HasSubstr("It is sealed with 16 reports; the next model waits. "
                        "The task is held up: shoal.db: disk is full. Make "
                        "room on the coordinator's disk; it tries again"));
  round_.state = RoundState::kFailed;
  EXPECT_THAT(Explain(), Not(HasSubstr("held up")));
}

TEST_F(ExplainTest, FailureByManySilentDevicesPointsAtTheDeadline) {
  round_.state = RoundState::kFailed;
  round_.failure = "min_reports";
  Add(11, "contributed");
  Add(12, "");
  Add(3, "abandoned: energy");
  EXPECT_EQ(Explain(),
            "Round 7 needed 16 reports, admitted 26 devices, accepted 11: 12 "
            "silent, 3 stopped on energy. It failed (min_reports): fewer than "
            "the 12 reports that it must have. Most of the missing were "
            "silent: lengthen round.deadline (1min) or raise "
            "round.over_selection (1.6), and look at the devices with "
            "`shoalctl device list`. The task tries again with a new round.");
}

TEST_F(ExplainTest, FailureWithoutLossesAsksForMoreDevices) {
  round_.state = RoundState::kFailed;
  round_.failure = "min_reports";
  Add(5, "contributed");
  EXPECT_THAT(Explain(), HasSubstr("Too few devices checked in before its "
                                   "deadline: enrol more"));
  EXPECT_THAT(Explain(), Not(HasSubstr("round explain")));
}

TEST_F(ExplainTest, FailureByRefusalsQuotesTheCatalogue) {
  round_.state = RoundState::kFailed;
  round_.failure = "min_reports";
  Add(20, "refused: norm_bound");
  Add(2, "");
  EXPECT_THAT(Explain(), HasSubstr("refused (norm bound): The L2 norm"));
  EXPECT_THAT(Explain(), HasSubstr("update_limits.norm_bound"));
}

TEST_F(ExplainTest, FailureByEnergyPointsAtTheLimits) {
  round_.state = RoundState::kFailed;
  round_.failure = "min_reports";
  Add(20, "abandoned: energy");
  EXPECT_THAT(Explain(), HasSubstr("stopped on energy: loosen device_limits"));
}

TEST_F(ExplainTest, FailureByShutdownPointsAtWhoStopsTheDevices) {
  round_.state = RoundState::kFailed;
  round_.failure = "min_reports";
  Add(20, "abandoned: shutdown");
  EXPECT_THAT(Explain(), HasSubstr("stopped on shutdown: their agents were "
                                   "stopped, which no limit prevents: raise "
                                   "round.over_selection (1.6)"));
  EXPECT_THAT(Explain(), Not(HasSubstr("device_limits")));
}

TEST_F(ExplainTest, FailureByConditionsPointsAtTheDeadline) {
  round_.state = RoundState::kFailed;
  round_.failure = "min_reports";
  Add(20, "abandoned: conditions");
  EXPECT_THAT(Explain(), HasSubstr("lengthen round.deadline (1min) or raise "
                                   "round.over_selection (1.6); the devices' "
                                   "logs say what was missing."));
  EXPECT_THAT(Explain(), Not(HasSubstr("device_limits")));
}

TEST_F(ExplainTest, FailureOfAPausedTaskPromisesNoNewRound) {
  round_.state = RoundState::kFailed;
  round_.failure = "min_reports";
  task_row_.state = TaskState::kPaused;
  task_row_.rounds_failed_in_a_row = 1;
  Add(20, "abandoned: energy");
  const std::string trouble = ExplainFailures(Story(), now_);
  EXPECT_THAT(trouble, HasSubstr("The task is paused: nobody is admitted to a "
                                 "new round until `shoalctl task resume "
                                 "digits`."));
  EXPECT_THAT(trouble, Not(HasSubstr("tries again")));
}

TEST_F(ExplainTest, FailureByDataPointsAtTheModel) {
  round_.state = RoundState::kFailed;
  round_.failure = "min_reports";
  Add(20, "abandoned: data");
  EXPECT_THAT(Explain(), HasSubstr("do not fit the task's model"));
  EXPECT_THAT(Explain(), HasSubstr("model.inputs"));
}

TEST_F(ExplainTest, EveryFailureHasAVerdictAndARemedy) {
  round_.state = RoundState::kFailed;
  round_.failure = "non_finite";
  EXPECT_THAT(Explain(), HasSubstr("It failed (non_finite): the server"));
  EXPECT_THAT(Explain(), HasSubstr("learning rates"));
  round_.failure = "stopped";
  EXPECT_THAT(Explain(), HasSubstr("stopped by an operator"));
}

TEST_F(ExplainTest, WordsOfANewerVersionAreShownAsTheyAre) {
  round_.state = RoundState::kFailed;
  round_.failure = "moon_phase";
  Add(1, "refused: too_purple");
  EXPECT_THAT(Explain(), HasSubstr("It failed (moon_phase)."));
  EXPECT_THAT(Explain(), HasSubstr("1 refused (too purple)"));
}

TEST_F(ExplainTest, OneIsNotMany) {
  round_.state = RoundState::kCollecting;
  round_.cohort = 1;
  round_.assigned = 1;
  EXPECT_THAT(Explain(), HasSubstr("needed 1 report, admitted 1 device,"));
  EXPECT_THAT(Explain(), Not(HasSubstr("1 more reports")));
}

TEST_F(ExplainTest, TroubleCountsFailuresAndExplainsTheLastOne) {
  round_.state = RoundState::kFailed;
  round_.failure = "min_reports";
  Add(16, "abandoned: data");
  task_row_.rounds_failed_in_a_row = 5;
  const std::string trouble = ExplainFailures(Story(), now_);
  EXPECT_THAT(trouble, HasSubstr("The last 5 rounds failed. Round 7 needed"));
  EXPECT_THAT(trouble, HasSubstr("16 stopped on data"));
  EXPECT_THAT(trouble, HasSubstr("do not fit the task's model"));
  task_row_.rounds_failed_in_a_row = 1;
  EXPECT_THAT(ExplainFailures(Story(), now_),
              HasSubstr("The last round failed. Round 7 needed"));
}

TEST_F(ExplainTest, RoundOfCorruptRowsTellsWhatToDo) {
  round_.state = RoundState::kFailed;
  round_.failure = "corrupt_rows";
  EXPECT_THAT(Explain(), HasSubstr("It failed (corrupt_rows): what the store "
                                   "holds of the round is damaged"));
  EXPECT_THAT(Explain(), HasSubstr("restore the store from a backup"));
}

// --- asynchronous rounds -----------------------------------------------------

class AsynchronousExplainTest : public ExplainTest {
 protected:
  AsynchronousExplainTest() {
    task_.round.asynchronous = configuration::AsynchronousRounds{40, 10};
    round_.asynchronous = true;
    round_.max_assigned = 40;
    round_.state = RoundState::kCollecting;
  }
  // Of this round, that long ago.
  void AddAtWork(int count, absl::Duration ago) {
    Add(count, "");
    for (int i = 0; i < count; ++i) {
      assignments_[assignments_.size() - 1 - i].assigned = now_ - ago;
    }
  }
};

TEST_F(AsynchronousExplainTest, CollectingRoundTellsHowFarBehindItsUpdatesAre) {
  Add(5, "contributed");
  AddAtWork(20, absl::Seconds(20));
  AddAtWork(2, absl::Seconds(60));
  round_.accepted = 8;
  staleness_ = {{0, 5}, {1, 2}, {4, 1}};
  EXPECT_EQ(
      Explain(),
      "Round 7 collects 16 reports, also from devices of earlier rounds, "
      "and has 8 (5 fresh, 2 that are 1 version behind, 1 that is 4 "
      "versions behind). It admitted 27 devices: 20 still at "
      "work, 2 silent. It waits for 8 more reports, at least 12 in all by its "
      "deadline in 40 s.");
}

TEST_F(AsynchronousExplainTest, RoundBeyondItsDeadlineWaitsOn) {
  now_ = round_.deadline + absl::Hours(1);
  round_.accepted = 3;
  EXPECT_THAT(
      Explain(),
      HasSubstr("Its deadline has passed with fewer than the 12 reports "
                "that it must have: it waits on, and what is counted "
                "stays. Too few devices checked in"));
}

TEST_F(AsynchronousExplainTest, CommittedRoundStillHasDevicesAtWork) {
  round_.state = RoundState::kCommitted;
  AddAtWork(3, absl::Seconds(20));
  Add(2, "refused: too_stale");
  EXPECT_THAT(Explain(), HasSubstr("It admitted 5 devices: 3 still at work, 2 "
                                   "refused (too stale). It committed"));
  EXPECT_THAT(Explain(), HasSubstr("after it opened"));
  EXPECT_THAT(Explain(), HasSubstr("Raise max_staleness"));
  task_row_.state = TaskState::kCompleted;
  EXPECT_THAT(Explain(), HasSubstr("3 silent"));
}

}  // namespace
}  // namespace shoal::coordinator
