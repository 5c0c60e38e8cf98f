// Rounds for which the coordinator draws every device by itself.
#include <map>
#include <set>
#include <string>

#include "tests/coordinator/engine/privacy_fixture.h"

namespace shoal::coordinator {
namespace {

using configuration::CentralNoise;
using ::testing::SizeIs;

class DrawnRoundsTest : public PrivacyTest {
 protected:
  static configuration::Task DrawnTask(double rate, double multiplier = 2) {
    configuration::Task task = PrivateTask(CentralNoise{rate}, multiplier);
    task.round.drawn = true;
    task.round.min_reports = 0;
    task.rounds = 100;
    return task;
  }
  // Of the devices that check in, those that are assigned to the round.
  std::map<int, std::string> Tokens(int first, int last) {
    std::map<int, std::string> tokens;
    for (int i = first; i <= last; ++i) {
      const auto answer = Require(engine().CheckIn(Device(i), Hello(), now_));
      const auto* assigned = std::get_if<protocol::Assignment>(&answer.answer);
      if (assigned != nullptr) {
        tokens[i] = assigned->token;
        continue;
      }
      EXPECT_EQ(std::get<protocol::RetryAfter>(answer.answer).code,
                "not_drawn");
    }
    return tokens;
  }
  void EndRound() {
    Pass(DrawnTask(1).round.deadline);
    Advance();
  }
};

TEST_F(DrawnRoundsTest, TakeEveryDeviceWithItsProbabilityUntilTheDeadline) {
  CreateTask(DrawnTask(0.1));
  ASSERT_EQ(Round().state, RoundState::kCollecting);
  const auto tokens = Tokens(1, 150);
  // 15, give or take 3.7: six deviations. There are 46 places.
  EXPECT_GT(tokens.size(), 0);
  EXPECT_LT(tokens.size(), 38);
  for (const auto& [device, token] : tokens) {
    Require(Send(device, token, Update({1})));
  }
  Advance();
  // The cohort of two is there, and more may come.
  EXPECT_EQ(Round().state, RoundState::kCollecting);
  EXPECT_THAT(Charges(), SizeIs(0));
  EndRound();
  ASSERT_EQ(TaskNamed().rounds_committed, 1)
      << engine().LastError() << Require(memory_->GetRound(1)).failure;
  EXPECT_EQ(Require(memory_->GetRound(1)).accepted,
            static_cast<int>(tokens.size()));
  EXPECT_THAT(Charges(), SizeIs(1));
  // Others are drawn for the next.
  std::set<int> first;
  std::set<int> second;
  for (const auto& [device, token] : tokens) first.insert(device);
  for (const auto& [device, token] : Tokens(1, 150)) second.insert(device);
  EXPECT_NE(first, second);
}

// They cannot take part before its deadline, and a fleet that asks meanwhile is
// a load.
TEST_F(DrawnRoundsTest, WhoIsNotDrawnComesBackWhenTheRoundIsOver) {
  const configuration::Task task = DrawnTask(0.1);
  CreateTask(task);
  const auto tokens = Tokens(1, 150);
  // More than the cohort.
  ASSERT_GT(tokens.size(), static_cast<size_t>(task.round.cohort));
  for (const auto& [device, token] : tokens) {
    Require(Send(device, token, Update({1})));
  }
  const absl::Duration passed = task.round.deadline / 4;
  Pass(passed);
  Advance();
  int asked = 0;
  for (int i = 1; i <= 150; ++i) {
    if (tokens.contains(i)) continue;
    const auto answer = Require(engine().CheckIn(Device(i), Hello(), now_));
    const auto& wait = std::get<protocol::RetryAfter>(answer.answer);
    EXPECT_GE(wait.delay, task.round.deadline - passed);
    ++asked;
  }
  EXPECT_GT(asked, 0);
}

TEST_F(DrawnRoundsTest, ARoundForWhichNobodyWasDrawnReleasesItsNoise) {
  CreateTask(DrawnTask(0.1));
  EndRound();
  ASSERT_EQ(TaskNamed().rounds_committed, 1)
      << engine().LastError() << Require(memory_->GetRound(1)).failure;
  EXPECT_EQ(Require(memory_->GetRound(1)).accepted, 0);
  EXPECT_THAT(Charges(), SizeIs(1));
  EXPECT_NE(Model()[0], 0);
}

TEST_F(DrawnRoundsTest, ARestartDrawsTheSameDevices) {
  CreateTask(DrawnTask(0.5));
  std::set<int> before;
  for (const auto& [device, token] : Tokens(1, 10)) before.insert(device);
  Restart();
  Advance();
  std::set<int> after;
  for (const auto& [device, token] : Tokens(1, 10)) after.insert(device);
  EXPECT_EQ(before, after);
  EXPECT_THAT(before, ::testing::Not(::testing::IsEmpty()));
}

TEST_F(DrawnRoundsTest, ARoundThatHadNoPlaceForADrawnDeviceFails) {
  configuration::Task task = DrawnTask(1);
  CreateTask(task);
  const int places = task.round.max_assigned();
  for (const auto& [device, token] : Tokens(1, places)) {
    Require(Send(device, token, Update({1})));
  }
  const auto answer =
      Require(engine().CheckIn(Device(places + 1), Hello(), now_));
  EXPECT_EQ(std::get<protocol::RetryAfter>(answer.answer).code, "round_full");
  EndRound();
  EXPECT_EQ(Require(memory_->GetRound(1)).failure, "overdrawn");
  EXPECT_EQ(TaskNamed().rounds_committed, 0);
  EXPECT_THAT(Charges(), SizeIs(0));
}

TEST_F(DrawnRoundsTest, AreChargedAsSampled) {
  CreateTask(DrawnTask(0.01, 1));
  EndRound();
  const double sampled = SpentEpsilon();
  EXPECT_GT(sampled, 0);
  // Once without sampling costs 4.4.
  EXPECT_LT(sampled, 1);
}

}  // namespace
}  // namespace shoal::coordinator
